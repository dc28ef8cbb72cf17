"""Accounts of several owners: contracts of Safe 1.5.0, used unchanged and without any service.

- `suite`: which contracts, where, and that their code is the one known
- `creation`: an account's owners and the address that follows from them
- `account`: its state on chain
- `transaction`, `signatures`: what owners sign, and how
- `collecting`: which signatures count; decides before anything is sent
- `owners`: changing the owners
- `proposal`, `calls`: the file that travels between owners, and calls as people read them
- `sending`: creation and execution
"""

from energy_grid.safe.account import SafeAccount, SafeState
from energy_grid.safe.creation import SafeSetup
from energy_grid.safe.errors import SafeError
from energy_grid.safe.signatures import OwnerSignature
from energy_grid.safe.suite import CANONICAL, SafeSuite
from energy_grid.safe.transaction import Operation, SafeTransaction, transaction_hash

__all__ = [
    "CANONICAL",
    "Operation",
    "OwnerSignature",
    "SafeAccount",
    "SafeError",
    "SafeSetup",
    "SafeState",
    "SafeSuite",
    "SafeTransaction",
    "transaction_hash",
]
