"""The shop files, as they were when orders were placed."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from models.types import AnyJSON, UtcDateTime


class PolicyVersion(SQLModel, table=True):
    """One shop's settings, never changed once stored; an order keeps the version it was placed under."""

    __tablename__ = "policy_versions"
    __table_args__ = (UniqueConstraint("shop", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    number: int
    applied_at: datetime = Field(sa_type=UtcDateTime)
    digest: str
    settings: dict = Field(sa_type=AnyJSON)
