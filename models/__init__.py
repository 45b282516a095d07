"""What is stored? One small module per subject."""

from models.anomalies import Anomaly
from models.buyers import Buyer
from models.complaints import Complaint, ComplaintRound
from models.destinations import Destination
from models.holds import Hold
from models.inbox import InboxFact, SeenNonce
from models.orders import DispatchBatch, Order, OrderLine
from models.outbox import OutboxMessage
from models.policy_versions import PolicyVersion
from models.rectifications import Rectification
from models.refunds import Refund
from models.returns import Return, ReturnLine
from models.state_changes import StateChange
from models.sync_cursors import SyncCursor
from models.timers import Timer

__all__ = [
    "Anomaly",
    "Buyer",
    "Complaint",
    "ComplaintRound",
    "Destination",
    "DispatchBatch",
    "Hold",
    "InboxFact",
    "Order",
    "OrderLine",
    "OutboxMessage",
    "PolicyVersion",
    "Rectification",
    "Refund",
    "Return",
    "ReturnLine",
    "SeenNonce",
    "StateChange",
    "SyncCursor",
    "Timer",
]
