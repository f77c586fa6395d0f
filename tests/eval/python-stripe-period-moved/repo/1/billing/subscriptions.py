"""What we keep of a subscription."""

from dataclasses import dataclass
from datetime import datetime, timezone


@dataclass
class Subscription:
    id: str
    customer: str
    status: str
    paid_until: datetime


def from_event(event):
    subscription = event["data"]["object"]
    return Subscription(
        id=subscription["id"],
        customer=subscription["customer"],
        status=subscription["status"],
        paid_until=datetime.fromtimestamp(subscription["current_period_end"], timezone.utc),
    )
