"""After the parcel has arrived."""

from states.policies.settings import Duration, Policy


class AftercarePolicy(Policy):
    """When we ask how the goods are, and when an order counts as completed; None: this shop does neither.

    Rule 130 asks "some time after dispatch" and gives no interval; completing by itself is ours.
    """

    follow_up_after: Duration | None = None  # after delivery
    complete_after: Duration | None = None  # after delivery, should the buyer never confirm
