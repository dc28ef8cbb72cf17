"""nameDelegate, delegateOf
├── oneself: DelegateIsAccount
└── else: named, changed, dismissed; event
"""

from __future__ import annotations

import ape

from tests.unit.energy_trading.book import ZERO_ADDRESS, only_event


def test_name_delegate__name_change_dismiss__is_on_record(market, buyer, delegate, stranger):
    old = ZERO_ADDRESS
    for new in (delegate.address, stranger.address, ZERO_ADDRESS):
        receipt = market.nameDelegate(new, sender=buyer)

        event = only_event(receipt, market.DelegateNamed)
        assert (event.account, event.oldDelegate, event.newDelegate) == (buyer, old, new)
        assert market.delegateOf(buyer) == new
        old = new


def test_name_delegate__oneself__is_refused(market, buyer):
    with ape.reverts(market.DelegateIsAccount, account=buyer):
        market.nameDelegate(buyer, sender=buyer)
