// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ICoupledVerification} from "../interfaces/ICoupledVerification.sol";
import {CoupledLink} from "../types/CoupledLink.sol";
import {CoupledMarket, CoupledNode, Sums} from "../types/CoupledMarket.sol";

/// @title Verifier of coupled auctions
/// @notice Anyone solves the market off chain and proposes prices, tie shares and flows; this contract
/// checks that they are the right ones. It sorts and searches nothing and trusts no solver.
///
/// A proposal is accepted if and only if
/// 1. in every zone the net export lies in the band `[sellsBelow - buysFrom, sellsUpTo - buysAbove]` at
///    its price: better orders are filled in full, only orders at the price itself give way;
/// 2. on every link the flow stands at the bound towards the higher price, or, between zones at one
///    price, towards the higher tie share; where both are equal it is free within its bounds;
/// 3. in every zone the orders at the price are filled by its tie share `s`, to one unit: sells by
///    `min(s, 1)`, buys by `2 - max(s, 1)`;
/// 4. the prices are the only ones with 1 and 2, or the middle of the lowest and the highest ones.
///
/// On prices alone 1 and 2 are the optimality conditions of the welfare maximum. A zone that is left with
/// unfilled sells at its price has a share below 1 and one that is left with unfilled buys a share above
/// 1, so the same comparison shows that no more could be traded at these prices, and that zones tied
/// at one price without a full link between them are curtailed alike.
///
/// A user fills a `CoupledMarket` (`_newMarket`), implements `_sums`, and stores what `_verify` left in it.
///
/// Proposal: per zone `price int32 | share uint40`, per link `flow + back uint40`, and only if the prices
/// are not unique per zone `lowest int32 | highest int32`; big endian, nothing between or after.
///
/// Why the arithmetic is unchecked: prices have 32 bits, energies of links 40 bits, sums of curves by
/// contract of `_sums` at most 64, and there are at most 255 links and 32 nodes; no result of this file comes near
/// 2^255.
abstract contract CoupledVerification is ICoupledVerification {
    /* CONSTANTS */

    /// @dev What the packed results of a session have room for.
    uint256 internal constant MAX_ZONES = 7;
    /// @dev Zones and borders.
    uint256 internal constant MAX_NODES = 32;

    /// @dev A tie share of 1.
    uint256 private constant SHARE_ONE = 1 << 32;
    /// @dev 200 %: all sells and no buy at the price.
    uint256 private constant SHARE_MAX = 2 * SHARE_ONE;

    uint256 private constant ZONE_BYTES = 9;
    uint256 private constant FLOW_BYTES = 5;
    uint256 private constant INTERVAL_BYTES = 8;
    uint256 private constant PRICE_BYTES = 4;

    /// @notice Sums of a zone's orders around a price.
    /// @dev Each at most 2^64 - 1; `price` lies within the market's price range. Orders on coarser ticks
    /// than the verifier's are welcome, the price need not be one of theirs.
    /// @param curve what `CoupledNode.curve` of the zone holds
    function _sums(uint256 curve, int256 price) internal view virtual returns (Sums memory);

    /* INTERNAL: FOR USERS */

    /// @dev An empty market; the user sets curves, prices of borders and links.
    function _newMarket(
        uint256 zones,
        uint256 borders,
        uint256 links,
        int256 lowestPrice,
        int256 highestPrice
    ) internal pure returns (CoupledMarket memory market) {
        if (zones == 0 || zones > MAX_ZONES) revert ZoneCount(zones, MAX_ZONES);
        if (zones + borders > MAX_NODES) revert NodeCount(zones + borders, MAX_NODES);
        market.lowestPrice = lowestPrice;
        market.highestPrice = highestPrice;
        market.zones = zones;
        market.nodes = new CoupledNode[](zones + borders);
        market.links = new CoupledLink[](links);
    }

    /// @dev Check a proposal and complete the market with its outcome; reverts if it is not the right one.
    /// @return rent congestion rent in ticks times energy, `sum flow * (price of to - price of from)`:
    /// never negative, because every link's range contains 0
    function _verify(CoupledMarket memory market, bytes calldata proposal)
        internal
        view
        returns (uint256 rent)
    {
        unchecked {
            uint256 length = ZONE_BYTES * market.zones + FLOW_BYTES * market.links.length;
            uint256 longer = length + INTERVAL_BYTES * market.zones;
            if (proposal.length != length && proposal.length != longer) {
                revert ProposalLength(proposal.length, length);
            }
            uint256 at = _start(proposal);
            _readZones(market, at);
            _readFlows(market, at + ZONE_BYTES * market.zones);
            rent = _checkLinks(market, true);
            (uint256 noFall, uint256 noRise) = _checkZones(market);
            uint256 loose = ~(_spreadFall(market, noFall) & _spreadRise(market, noRise));
            if (loose == 0) {
                if (proposal.length != length) revert IntervalNotNeeded();
            } else {
                if (proposal.length == length) revert PricesNotUnique(_lowestBit(loose));
                _checkInterval(market, at + length);
            }
        }
    }

    /* PRIVATE: READING */

    function _readZones(CoupledMarket memory market, uint256 at) private pure {
        unchecked {
            (int256 lowest, int256 highest) = (market.lowestPrice, market.highestPrice);
            for (uint256 zone; zone < market.zones; ++zone) {
                uint256 word = _word(at);
                int256 price = int256(word) >> 224;
                uint256 share = uint40(word >> 184);
                if (price < lowest || price > highest) {
                    revert PriceOutOfRange(zone, price, lowest, highest);
                }
                if (share > SHARE_MAX) revert ShareOutOfRange(zone, share, SHARE_MAX);
                CoupledNode memory node = _node(market, zone);
                node.price = price;
                node.share = share;
                at += ZONE_BYTES;
            }
        }
    }

    /// @dev Flows into the links, net exports into the nodes.
    function _readFlows(CoupledMarket memory market, uint256 at) private pure {
        unchecked {
            uint256 nodes = market.nodes.length;
            uint256 links = market.links.length;
            for (uint256 i; i < links; ++i) {
                CoupledLink link = _link(market, i).withUsedRange(_word(at) >> 216);
                int256 flow = link.flow();
                if (link.usedRange() > link.range()) {
                    revert FlowOutOfBounds(i, flow, int256(link.forward()));
                }
                (uint256 from, uint256 to) = (link.from(), link.to());
                if (from >= nodes) revert UnknownNode(i, from, nodes - 1);
                if (to >= nodes) revert UnknownNode(i, to, nodes - 1);
                _node(market, from).netExport += flow;
                _node(market, to).netExport -= flow;
                _setLink(market, i, link);
                at += FLOW_BYTES;
            }
        }
    }

    /* PRIVATE: CHECKING */

    /// @dev Rule 2, and which nodes of one price hold each other.
    /// @param withShares also compare the tie shares of zones at one price
    function _checkLinks(CoupledMarket memory market, bool withShares)
        private
        pure
        returns (uint256 rent)
    {
        unchecked {
            uint256 zones = market.zones;
            uint256 links = market.links.length;
            for (uint256 i; i < links; ++i) {
                CoupledLink link = _link(market, i);
                (uint256 fromNumber, uint256 toNumber) = (link.from(), link.to());
                CoupledNode memory from = _node(market, fromNumber);
                CoupledNode memory to = _node(market, toNumber);
                bool canRise = link.usedRange() < link.range();
                bool canFall = link.usedRange() != 0;
                int256 gap = to.price - from.price;
                if (gap == 0) {
                    if (canRise) {
                        from.sendsMoreTo |= 1 << toNumber;
                        to.sendsLessTo |= 1 << fromNumber;
                    }
                    if (canFall) {
                        from.sendsLessTo |= 1 << toNumber;
                        to.sendsMoreTo |= 1 << fromNumber;
                    }
                    if (withShares && fromNumber < zones && toNumber < zones) {
                        gap = int256(to.share) - int256(from.share);
                    }
                } else {
                    // At its bound a flow goes towards the higher price, or the whole is refused below.
                    rent += uint256(link.flow() * gap);
                }
                if (gap > 0 && canRise) {
                    revert FlowNotAtBound(i, link.flow(), int256(link.forward()));
                }
                if (gap < 0 && canFall) {
                    revert FlowNotAtBound(i, link.flow(), -int256(link.back()));
                }
            }
        }
    }

    /// @dev Rules 1 and 3, and what the orders of each zone are filled by.
    /// @return noFall bit k: node k alone cannot fall by a tick
    /// @return noRise bit k: node k alone cannot rise by a tick
    function _checkZones(CoupledMarket memory market)
        private
        view
        returns (uint256 noFall, uint256 noRise)
    {
        unchecked {
            (noFall, noRise) = _borders(market);
            for (uint256 zone; zone < market.zones; ++zone) {
                CoupledNode memory node = _node(market, zone);
                Sums memory sums = _sums(node.curve, node.price);
                (uint256 fallBit, uint256 riseBit) = _checkBand(market, zone, node, sums);
                noFall |= fallBit << zone;
                noRise |= riseBit << zone;
                _fill(zone, node, sums);
            }
        }
    }

    /// @dev Borders, and bits beyond all nodes so that "everybody" is a word of ones: their price is given.
    function _borders(CoupledMarket memory market)
        private
        pure
        returns (uint256 noFall, uint256 noRise)
    {
        noFall = type(uint256).max << market.zones;
        noRise = noFall;
    }

    /// @dev Rule 1. One tick lower the upper end of the band would be what the lower end is now, so a
    /// zone above its lower end cannot fall alone; rising is the mirror image.
    function _checkBand(
        CoupledMarket memory market,
        uint256 zone,
        CoupledNode memory node,
        Sums memory sums
    ) private pure returns (uint256 fallBit, uint256 riseBit) {
        unchecked {
            int256 lowest = int256(sums.sellsBelow) - int256(sums.buysFrom);
            int256 highest = int256(sums.sellsUpTo) - int256(sums.buysAbove);
            int256 netExport = node.netExport;
            if (netExport < lowest || netExport > highest) {
                revert NetExportOutsideBand(zone, netExport, lowest, highest);
            }
            fallBit = netExport > lowest || node.price == market.lowestPrice ? 1 : 0;
            riseBit = netExport < highest || node.price == market.highestPrice ? 1 : 0;
        }
    }

    /// @dev Rule 3. Orders at the price trade as much as the net export and each other allow: all of at
    /// least one side.
    function _fill(uint256 zone, CoupledNode memory node, Sums memory sums) private pure {
        unchecked {
            uint256 tiedSells = sums.sellsUpTo - sums.sellsBelow;
            uint256 tiedBuys = sums.buysFrom - sums.buysAbove;
            uint256 sellFill = tiedSells;
            uint256 buyFill = tiedBuys;
            if (tiedSells | tiedBuys != 0) {
                // What the tied orders export together, at least -tiedBuys and at most tiedSells (rule 1).
                int256 rest =
                    node.netExport - int256(sums.sellsBelow) + int256(sums.buysAbove);
                uint256 wanted = uint256(int256(tiedBuys) + rest);
                if (wanted < tiedSells) {
                    sellFill = wanted;
                    node.rationedFill = sellFill;
                    node.rationedTotal = tiedSells;
                } else {
                    buyFill = uint256(int256(tiedSells) - rest);
                    if (buyFill < tiedBuys) {
                        node.rationsBuys = true;
                        node.rationedFill = buyFill;
                        node.rationedTotal = tiedBuys;
                    }
                }
                uint256 share = node.share;
                _checkShare(zone, sellFill, tiedSells, share < SHARE_ONE ? share : SHARE_ONE);
                _checkShare(zone, buyFill, tiedBuys, share < SHARE_ONE ? SHARE_ONE : SHARE_MAX - share);
            }
            node.sold = sums.sellsBelow + sellFill;
            node.bought = sums.buysAbove + buyFill;
        }
    }

    /// @dev The fill is `share * total`, to one unit and to the resolution of a share.
    function _checkShare(uint256 zone, uint256 fill, uint256 total, uint256 share) private pure {
        unchecked {
            int256 difference = int256(fill * SHARE_ONE) - int256(total * share);
            if (difference < 0) difference = -difference;
            if (uint256(difference) > SHARE_ONE + total) {
                revert ShareNotProportional(zone, fill, total * share / SHARE_ONE);
            }
        }
    }

    /// @dev Rule 4 where the prices are not unique: the same flows prove the lowest and the highest
    /// prices too, and the price is the middle. Leaves the price in the nodes.
    function _checkInterval(CoupledMarket memory market, uint256 at) private view {
        unchecked {
            for (uint256 zone; zone < market.zones; ++zone) {
                uint256 word = _word(at + INTERVAL_BYTES * zone);
                // Shift of a negative sum rounds down, as the rule says.
                int256 middle = ((int256(word) >> 224) + (int256(word << 32) >> 224)) >> 1;
                int256 price = _node(market, zone).price;
                if (price != middle) revert NotTheMidpoint(zone, price, middle);
            }
            uint256 noFall = _checkEnd(market, at, false);
            uint256 loose = ~_spreadFall(market, noFall);
            if (loose != 0) revert IntervalNotLowest(_lowestBit(loose));
            uint256 noRise = _checkEnd(market, at + PRICE_BYTES, true);
            loose = ~_spreadRise(market, noRise);
            if (loose != 0) revert IntervalNotHighest(_lowestBit(loose));
            _readMiddle(market, at);
        }
    }

    /// @dev Rules 1 and 2 at one end of the interval. @return held nodes that alone cannot move outwards
    function _checkEnd(CoupledMarket memory market, uint256 at, bool upper)
        private
        view
        returns (uint256 held)
    {
        unchecked {
            uint256 zones = market.zones;
            (int256 lowest, int256 highest) = (market.lowestPrice, market.highestPrice);
            for (uint256 zone; zone < zones; ++zone) {
                CoupledNode memory node = _node(market, zone);
                int256 price = int256(_word(at + INTERVAL_BYTES * zone)) >> 224;
                if (price < lowest || price > highest) {
                    revert PriceOutOfRange(zone, price, lowest, highest);
                }
                node.price = price;
                node.sendsMoreTo = 0;
                node.sendsLessTo = 0;
            }
            _checkLinks(market, false);
            (held,) = _borders(market);
            for (uint256 zone; zone < zones; ++zone) {
                CoupledNode memory node = _node(market, zone);
                Sums memory sums = _sums(node.curve, node.price);
                (uint256 fallBit, uint256 riseBit) = _checkBand(market, zone, node, sums);
                held |= (upper ? riseBit : fallBit) << zone;
            }
        }
    }

    function _readMiddle(CoupledMarket memory market, uint256 at) private pure {
        unchecked {
            for (uint256 zone; zone < market.zones; ++zone) {
                uint256 word = _word(at + INTERVAL_BYTES * zone);
                _node(market, zone).price =
                    ((int256(word) >> 224) + (int256(word << 32) >> 224)) >> 1;
            }
        }
    }

    /* PRIVATE: WHO HOLDS WHOM */

    /// @dev A zone that falls below a neighbour of its price must send it all it can. Where it could send
    /// more it falls only together with the neighbour, so a neighbour that cannot fall holds it.
    function _spreadFall(CoupledMarket memory market, uint256 held)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 before;
            while (~held != 0 && held != before) {
                before = held;
                for (uint256 zone; zone < market.zones; ++zone) {
                    if (_node(market, zone).sendsMoreTo & held != 0) held |= 1 << zone;
                }
            }
            return held;
        }
    }

    /// @dev A zone that rises above a neighbour of its price must send it as little as it can.
    function _spreadRise(CoupledMarket memory market, uint256 held)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 before;
            while (~held != 0 && held != before) {
                before = held;
                for (uint256 zone; zone < market.zones; ++zone) {
                    if (_node(market, zone).sendsLessTo & held != 0) held |= 1 << zone;
                }
            }
            return held;
        }
    }

    function _lowestBit(uint256 bits) private pure returns (uint256 index) {
        while (bits & 1 == 0) {
            bits >>= 1;
            unchecked {
                ++index;
            }
        }
    }

    /* PRIVATE: ACCESS WITHOUT THE LANGUAGE'S BOUNDS CHECKS */

    /// @dev `nodes[index]`. Warning: only an index below `nodes.length`, which `_newMarket` and
    /// `_readFlows` have made sure of.
    function _node(CoupledMarket memory market, uint256 index)
        private
        pure
        returns (CoupledNode memory node)
    {
        CoupledNode[] memory nodes = market.nodes;
        assembly ("memory-safe") {
            node := mload(add(add(nodes, 0x20), shl(5, index)))
        }
    }

    /// @dev `links[index]`. Warning: only an index below `links.length`.
    function _link(CoupledMarket memory market, uint256 index)
        private
        pure
        returns (CoupledLink link)
    {
        CoupledLink[] memory links = market.links;
        assembly ("memory-safe") {
            link := mload(add(add(links, 0x20), shl(5, index)))
        }
    }

    /// @dev `links[index] = link`. Warning: only an index below `links.length`.
    function _setLink(CoupledMarket memory market, uint256 index, CoupledLink link) private pure {
        CoupledLink[] memory links = market.links;
        assembly ("memory-safe") {
            mstore(add(add(links, 0x20), shl(5, index)), link)
        }
    }

    /// @dev Place of the first byte in calldata.
    function _start(bytes calldata data) internal pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := data.offset
        }
    }

    /// @dev The 32 bytes of calldata from `at` on. Warning: what lies behind the bytes whose length was
    /// checked must be shifted out.
    function _word(uint256 at) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(at)
        }
    }
}
