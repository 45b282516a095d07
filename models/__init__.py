"""What is stored? One small module per subject."""

from models.anomalies import Anomaly
from models.buyers import Buyer
from models.holds import Hold
from models.orders import DispatchBatch, Order, OrderLine
from models.outbox import OutboxMessage
from models.policy_versions import PolicyVersion
from models.refunds import Refund
from models.returns import Return, ReturnLine
from models.state_changes import StateChange
from models.timers import Timer

__all__ = [
    "Anomaly",
    "Buyer",
    "DispatchBatch",
    "Hold",
    "Order",
    "OrderLine",
    "OutboxMessage",
    "PolicyVersion",
    "Refund",
    "Return",
    "ReturnLine",
    "StateChange",
    "Timer",
]
