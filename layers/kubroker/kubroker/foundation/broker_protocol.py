"""Facts of KuCoin's broker reports that its documents do not state; part of ``KucoinProtocol``."""

from pydantic import BaseModel, Field


class BrokerProtocol(BaseModel):
    """Each description ends with how sure its default is; see ``settings.KucoinProtocol``."""

    rebate_report_path: str = Field(
        "/api/v1/broker/api/rebase/download",
        description="Path that orders the file of rebates; newer documents have "
        "`/api/v2/broker/api/rebate/download`. [sdk]",
    )
    rebate_spot_name: str = Field(
        "1", description="tradeType of that file for spot; with the newer path SPOT. [sdk]"
    )
    rebate_futures_name: str = Field(
        "2", description="tradeType of that file for futures; with the newer path FUTURE. [sdk]"
    )
    broker_volumes_path: str = Field(
        "/api/v2/broker/queryDetailByUid",
        description="Path that tells a user's volume with and without the broker's tag. [seen]",
    )
    tagged_volume_fields: tuple[tuple[str, ...], ...] = Field(
        (
            ("spotTradingVolumeWithTag",),
            ("futureTradingVolumeWithTag", "futuresTradingVolumeWithTag"),
        ),
        description="Its fields of volume with the tag; of each group the first that is there "
        "counts. [seen]",
    )
    untagged_volume_fields: tuple[tuple[str, ...], ...] = Field(
        (
            ("spotTradingVolumeWithNoTag", "spotTradingVolumeWithoutTag"),
            (
                "futureTradingVolumeWithNoTag",
                "futuresTradingVolumeWithNoTag",
                "futureTradingVolumeWithoutTag",
                "futuresTradingVolumeWithoutTag",
            ),
        ),
        description="Its fields of volume without the tag, likewise. [seen]",
    )
    broker_report_hours: int = Field(
        8,
        ge=0,
        le=24,
        description="Hours after a UTC day until KuCoin's volumes of it are complete. [assumed]",
    )
    not_broker_codes: frozenset[str] = Field(
        frozenset({"260500"}),
        description="Codes of these calls: the account is no broker's. [assumed]",
    )
