"""What is put right because many complained of it."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.types import AnyJSON, UtcDateTime

OPEN = "state = 'open'"


class Rectification(SQLModel, table=True):
    """One problem that complaint after complaint is about, and who puts it right until when (rule 102).

    Only `flows/advance.py` writes here (promise 1).
    """

    __tablename__ = "rectifications"
    __table_args__ = (
        UniqueConstraint("no", "shop"),
        Index(  # there is one at a time for the same goods or cause
            "rectifications_open",
            "shop",
            "about",
            "subject",
            unique=True,
            postgresql_where=text(OPEN),
            sqlite_where=text(OPEN),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    no: str
    state: str
    version: int = 0  # counts the changes; compared and swapped at every write
    policy_version_id: int | None = Field(default=None, foreign_key="policy_versions.id")
    changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    about: str | None = None  # goods, cause
    subject: str | None = None  # the SKU, or the nature of the complaints
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    counted: int = 0  # complaints, when it was opened
    counted_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    owner: str | None = None
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    progress: list = Field(
        default_factory=list, sa_type=AnyJSON
    )  # {"at", "by", "text"}, fed back until it is done
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
