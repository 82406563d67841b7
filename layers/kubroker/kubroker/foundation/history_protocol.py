"""How long KuCoin keeps what, which its documents tell only in part; part of ``KucoinProtocol``."""

from pydantic import BaseModel, Field


class HistoryProtocol(BaseModel):
    """Each description ends with how sure its default is; see ``settings.KucoinProtocol``."""

    spot_fills_days: int = Field(7, ge=1, description="How long spot fills are kept. [sdk]")
    futures_fills_days: int = Field(
        90, ge=1, description="How long futures fills are kept: about three months. [sdk]"
    )
    funding_ledger_days: int = Field(
        365, ge=1, description="How long the funding ledger is kept. [sdk]"
    )
    trade_ledger_days: int = Field(
        3,
        ge=1,
        description="How long the trade ledger is shown, and with it which symbols a user traded. "
        "[doc]",
    )
    futures_ledger_days: int = Field(
        365, ge=1, description="How long the futures ledger is kept. [assumed]"
    )
