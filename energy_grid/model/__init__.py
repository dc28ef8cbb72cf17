"""The reference model: the market rules once more, slowly and obviously, without a chain.

Plain dataclasses, dicts and loops; integers throughout; nothing packed, nothing cached. Whoever
asks what the contracts must do reads here, and tests run both in lock-step. A call that the rules
forbid raises `Refused` with the name of the contract's custom error and changes nothing.

One concept a module. The market: `quotes`, `book`, `order_entry` and `matching` (continuous
session); `auction_entry` with `curve_rules`, `auction_record` and `auction_clearing` over
`call_auction`; `coupled_clearing`, `regions` and `interconnectors`; `signed_entry`; `openings` and
`collars`; `positions`. `trading` is all of them on one `market_state`. Beside it `meters`,
`metering` and `slot_energy`, `ledger`, `settlement` and `delivery`, `certificates`, `zones`,
`tariffs`, `terms`, `cursor`; `market` ties them together with a clock.
"""

from energy_grid.model.market import Market
from energy_grid.model.refused import Refused

__all__ = ["Market", "Refused"]
