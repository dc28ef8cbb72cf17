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
/// On prices alone 1 and 2 are the optimality conditions of the welfare maximum. A zone that is left
/// with unfilled sells at its price has a share below 1 and one that is left with unfilled buys a share
/// above 1, so the same comparison shows that no more could be traded at these prices, and that zones
/// tied at one price without a full link between them are curtailed alike.
///
/// A user fills a `CoupledMarket` (`_newMarket`), implements `_sums`, and stores what `_verify` left.
///
/// Proposal: per zone `price int32 | share uint40`, per link `flow + back uint40`, and only if the
/// prices are not unique per zone `lowest int32 | highest int32`; big endian, nothing between or after.
///
/// Why the arithmetic is unchecked: prices have 32 bits, energies of links 40 bits, sums of curves by
/// contract of `_sums` at most 64, there are at most 32 nodes, and a transaction has no room for 2^24
/// links; no result of this file comes near 2^255.
abstract contract CoupledVerification is ICoupledVerification {
    /// @dev By bits, nodes that alone cannot move by a tick: from the price, and outwards from the ends
    /// of the interval.
    struct Held {
        uint256 noFall;
        uint256 noRise;
        uint256 noFallFromLow;
        uint256 noRiseFromHigh;
    }

    /* CONSTANTS */

    /// @dev What the packed results of a session have room for.
    uint256 internal constant MAX_ZONES = 7;
    /// @dev Zones and borders.
    uint256 internal constant MAX_NODES = 32;

    /// @dev A tie share of 1.
    uint256 private constant SHARE_ONE = 1 << 32;
    /// @dev 200 %: all sells and no buy at the price.
    uint256 private constant SHARE_MAX = 2 * SHARE_ONE;

    /// @dev Size of a `CoupledNode` in memory: 11 words.
    uint256 private constant NODE_BYTES = 352;

    uint256 private constant ZONE_BYTES = 9;
    uint256 private constant FLOW_BYTES = 5;
    uint256 private constant INTERVAL_BYTES = 8;
    uint256 private constant PRICE_BYTES = 4;

    /// @notice Sums of a zone's orders around a price.
    /// @dev Each at most 2^64 - 1; `price` lies within the market's price range. Orders on coarser
    /// ticks than the verifier's are welcome, the price need not be one of theirs.
    /// @param curve what `CoupledNode.curve` of the zone holds
    function _sums(uint256 curve, int256 price) internal view virtual returns (Sums memory);

    /// @notice The same at both ends of a price interval and at its middle.
    /// @dev To be overridden where reading the curve once for all three is cheaper.
    function _sumsOfThree(uint256 curve, int256 lowest, int256 price, int256 highest)
        internal
        view
        virtual
        returns (Sums memory low, Sums memory middle, Sums memory high)
    {
        low = _sums(curve, lowest);
        middle = _sums(curve, price);
        high = _sums(curve, highest);
    }

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
        market.nodes = _newNodes(zones + borders);
        market.links = new CoupledLink[](links);
    }

    /// @dev Complete the market with the outcome proposed, or revert if it is not the right one.
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
            rent = _readFlows(market, at + ZONE_BYTES * market.zones);
            if (proposal.length == length) {
                _checkZones(market);
            } else {
                _checkZonesAndInterval(market, at + length);
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
                CoupledNode memory node = market.nodes[zone];
                node.price = price;
                node.share = share;
                at += ZONE_BYTES;
            }
        }
    }

    /// @dev Flows from the proposal into the links, net exports into the nodes, and rule 2 with shares.
    function _readFlows(CoupledMarket memory market, uint256 at)
        private
        pure
        returns (uint256 rent)
    {
        unchecked {
            CoupledNode[] memory nodes = market.nodes;
            CoupledNode memory from = nodes[0];
            CoupledNode memory to = from;
            uint256 zones = market.zones;
            CoupledLink[] memory links = market.links;
            for (uint256 i; i < links.length; ++i) {
                CoupledLink link = _link(links, i);
                uint256 used = _word(at) >> 216; // the flow above its lower bound
                uint256 range = link.range();
                at += FLOW_BYTES;
                int256 flow = int256(used) - int256(link.back());
                if (used > range) revert FlowOutOfBounds(i, flow, int256(link.forward()));
                _setLink(links, i, link.withUsedRange(used));
                (uint256 fromNumber, uint256 toNumber) = (link.from(), link.to());
                if (fromNumber >= nodes.length) {
                    revert UnknownNode(i, fromNumber, nodes.length - 1);
                }
                if (toNumber >= nodes.length) revert UnknownNode(i, toNumber, nodes.length - 1);
                // `from = nodes[fromNumber]`, and `to` likewise; the bounds are checked.
                assembly ("memory-safe") {
                    from := mload(add(add(nodes, 0x20), shl(5, fromNumber)))
                    to := mload(add(add(nodes, 0x20), shl(5, toNumber)))
                }
                from.netExport += flow;
                to.netExport -= flow;
                int256 gap = to.price - from.price;
                if (gap != 0) {
                    // At its bound a flow goes towards the higher price, or it is refused below.
                    rent += uint256(flow * gap);
                } else {
                    _join(from, to, fromNumber, toNumber, used, range);
                    if (fromNumber < zones && toNumber < zones) {
                        gap = int256(to.share) - int256(from.share);
                    }
                }
                if (gap > 0 ? used != range : gap != 0 && used != 0) _refuseFlow(market, i, gap);
            }
        }
    }

    /* PRIVATE: CHECKING */

    /// @dev Rule 2 on prices alone, for flows that have been read.
    function _checkLinks(CoupledMarket memory market) private pure {
        unchecked {
            CoupledNode[] memory nodes = market.nodes;
            CoupledLink[] memory links = market.links;
            for (uint256 i; i < links.length; ++i) {
                CoupledLink link = _link(links, i);
                (uint256 fromNumber, uint256 toNumber) = (link.from(), link.to());
                CoupledNode memory from = nodes[fromNumber];
                CoupledNode memory to = nodes[toNumber];
                (uint256 used, uint256 range) = (link.usedRange(), link.range());
                int256 gap = to.price - from.price;
                if (gap == 0) _join(from, to, fromNumber, toNumber, used, range);
                if (gap > 0 ? used != range : gap != 0 && used != 0) _refuseFlow(market, i, gap);
            }
        }
    }

    /// @dev Nodes of one price hold each other where their link has room. A node that falls below the
    /// other must send it all it can, one that rises above it as little as it can.
    function _join(
        CoupledNode memory from,
        CoupledNode memory to,
        uint256 fromNumber,
        uint256 toNumber,
        uint256 used,
        uint256 range
    ) private pure {
        if (used != range) {
            from.sendsMoreTo |= 1 << toNumber;
            to.sendsLessTo |= 1 << fromNumber;
        }
        if (used != 0) {
            from.sendsLessTo |= 1 << toNumber;
            to.sendsMoreTo |= 1 << fromNumber;
        }
    }

    /// @dev A flow must stand at the bound towards the higher price or share.
    /// @param gap what `to` has more
    function _refuseFlow(CoupledMarket memory market, uint256 index, int256 gap) private pure {
        CoupledLink link = _link(market.links, index);
        int256 bound = gap > 0 ? int256(link.forward()) : -int256(link.back());
        revert FlowNotAtBound(index, link.flow(), bound);
    }

    /// @dev Rules 1 and 3 in every zone, and rule 4: nothing else would be valid.
    function _checkZones(CoupledMarket memory market) private view {
        unchecked {
            uint256 noFall = _borders(market); // bit k: node k cannot fall by a tick
            uint256 noRise = noFall; // bit k: node k cannot rise by a tick
            for (uint256 zone; zone < market.zones; ++zone) {
                CoupledNode memory node = market.nodes[zone];
                Sums memory sums = _sums(node.curve, node.price);
                (uint256 fallBit, uint256 riseBit) =
                    _checkBand(market, zone, node.netExport, node.price, sums);
                noFall |= fallBit << zone;
                noRise |= riseBit << zone;
                _fill(zone, node, sums);
            }
            uint256 loose = _looseBelow(market, noFall) | _looseAbove(market, noRise);
            if (loose != 0) revert PricesNotUnique(_lowestBit(loose));
        }
    }

    /// @dev Rules 1 and 3 in every zone, and rule 4 where prices are not unique: the same flows prove
    /// the lowest and the highest prices too, and the price is the middle.
    function _checkZonesAndInterval(CoupledMarket memory market, uint256 at) private view {
        unchecked {
            uint256 borders = _borders(market);
            Held memory held = Held(borders, borders, borders, borders);
            for (uint256 zone; zone < market.zones; ++zone) {
                _checkZoneAndInterval(market, zone, at + INTERVAL_BYTES * zone, held);
            }
            if (_looseBelow(market, held.noFall) | _looseAbove(market, held.noRise) == 0) {
                revert IntervalNotNeeded();
            }
            _moveTo(market, at);
            uint256 loose = _looseBelow(market, held.noFallFromLow);
            if (loose != 0) revert IntervalNotLowest(_lowestBit(loose));
            _moveTo(market, at + PRICE_BYTES);
            loose = _looseAbove(market, held.noRiseFromHigh);
            if (loose != 0) revert IntervalNotHighest(_lowestBit(loose));
            _moveBack(market, at);
        }
    }

    function _checkZoneAndInterval(
        CoupledMarket memory market,
        uint256 zone,
        uint256 at,
        Held memory held
    ) private view {
        unchecked {
            CoupledNode memory node = market.nodes[zone];
            (int256 lowest, int256 highest) = _readInterval(market, at, zone, node.price);
            (Sums memory low, Sums memory middle, Sums memory high) =
                _sumsOfThree(node.curve, lowest, node.price, highest);
            int256 netExport = node.netExport;
            (uint256 fallBit, uint256 riseBit) =
                _checkBand(market, zone, netExport, node.price, middle);
            held.noFall |= fallBit << zone;
            held.noRise |= riseBit << zone;
            _fill(zone, node, middle);
            (fallBit,) = _checkBand(market, zone, netExport, lowest, low);
            held.noFallFromLow |= fallBit << zone;
            (, riseBit) = _checkBand(market, zone, netExport, highest, high);
            held.noRiseFromHigh |= riseBit << zone;
        }
    }

    /// @dev Ends of a zone's interval: within the price range, and the price in their middle.
    function _readInterval(CoupledMarket memory market, uint256 at, uint256 zone, int256 price)
        private
        pure
        returns (int256 lowest, int256 highest)
    {
        unchecked {
            uint256 word = _word(at);
            lowest = int256(word) >> 224;
            highest = int256(word << 32) >> 224;
            int256 middle = _middle(lowest, highest);
            if (price != middle) revert NotTheMidpoint(zone, price, middle);
            if (lowest < market.lowestPrice || lowest > highest) {
                revert PriceOutOfRange(zone, lowest, market.lowestPrice, highest);
            }
            if (highest > market.highestPrice) {
                revert PriceOutOfRange(zone, highest, lowest, market.highestPrice);
            }
        }
    }

    /// @dev Prices of one end of the interval into the nodes, and rule 2 for them.
    function _moveTo(CoupledMarket memory market, uint256 at) private pure {
        unchecked {
            for (uint256 zone; zone < market.zones; ++zone) {
                CoupledNode memory node = market.nodes[zone];
                node.price = int256(_word(at + INTERVAL_BYTES * zone)) >> 224;
                node.sendsMoreTo = 0;
                node.sendsLessTo = 0;
            }
            _checkLinks(market);
        }
    }

    /// @dev The proposed prices, which are the middle, into the nodes again.
    function _moveBack(CoupledMarket memory market, uint256 at) private pure {
        unchecked {
            for (uint256 zone; zone < market.zones; ++zone) {
                uint256 word = _word(at + INTERVAL_BYTES * zone);
                market.nodes[zone].price =
                    _middle(int256(word) >> 224, int256(word << 32) >> 224);
            }
        }
    }

    /// @dev Rounded down, negative or not.
    function _middle(int256 lowest, int256 highest) private pure returns (int256) {
        unchecked {
            return (lowest + highest) >> 1;
        }
    }

    /// @dev Borders, and all bits beyond them: their price is given.
    function _borders(CoupledMarket memory market) private pure returns (uint256) {
        return type(uint256).max << market.zones;
    }

    /// @dev Rule 1. One tick lower the upper end of the band would be what the lower end is now, so a
    /// zone above its lower end cannot fall alone; rising is the mirror image.
    function _checkBand(
        CoupledMarket memory market,
        uint256 zone,
        int256 netExport,
        int256 price,
        Sums memory sums
    ) private pure returns (uint256 fallBit, uint256 riseBit) {
        unchecked {
            int256 lowest = int256(sums.sellsBelow) - int256(sums.buysFrom);
            int256 highest = int256(sums.sellsUpTo) - int256(sums.buysAbove);
            if (netExport < lowest || netExport > highest) {
                revert NetExportOutsideBand(zone, netExport, lowest, highest);
            }
            fallBit = netExport > lowest || price == market.lowestPrice ? 1 : 0;
            riseBit = netExport < highest || price == market.highestPrice ? 1 : 0;
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
                // What the tied orders export together: by rule 1 from -tiedBuys to tiedSells.
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

    /* PRIVATE: WHO HOLDS WHOM */

    /// @dev Zones that could all fall together. Where a node could send a neighbour of its price more
    /// it falls only with it, so a neighbour that cannot fall holds it.
    /// @param held nodes that cannot fall, whatever their neighbours do
    function _looseBelow(CoupledMarket memory market, uint256 held)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 before;
            while (~held != 0 && held != before) {
                before = held;
                for (uint256 zone; zone < market.zones; ++zone) {
                    if ((held >> zone) & 1 == 0 && market.nodes[zone].sendsMoreTo & held != 0) {
                        held |= 1 << zone;
                    }
                }
            }
            return ~held;
        }
    }

    /// @dev Zones that could all rise together: the mirror image.
    function _looseAbove(CoupledMarket memory market, uint256 held)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 before;
            while (~held != 0 && held != before) {
                before = held;
                for (uint256 zone; zone < market.zones; ++zone) {
                    if ((held >> zone) & 1 == 0 && market.nodes[zone].sendsLessTo & held != 0) {
                        held |= 1 << zone;
                    }
                }
            }
            return ~held;
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

    /// @dev `new CoupledNode[](count)` with all nodes one after the other: a quarter of the gas.
    function _newNodes(uint256 count) private pure returns (CoupledNode[] memory nodes) {
        assembly ("memory-safe") {
            nodes := mload(0x40)
            mstore(nodes, count)
            let pointer := add(nodes, 0x20)
            let node := add(pointer, shl(5, count))
            let end := add(node, mul(NODE_BYTES, count))
            mstore(0x40, end)
            // Behind the end of calldata there are zeros.
            calldatacopy(node, calldatasize(), mul(NODE_BYTES, count))
            for {} lt(node, end) { node := add(node, NODE_BYTES) } {
                mstore(pointer, node)
                pointer := add(pointer, 0x20)
            }
        }
    }

    /// @dev `links[index]`. Warning: only an index below `links.length`.
    function _link(CoupledLink[] memory links, uint256 index)
        private
        pure
        returns (CoupledLink link)
    {
        assembly ("memory-safe") {
            link := mload(add(add(links, 0x20), shl(5, index)))
        }
    }

    /// @dev `links[index] = link`. Warning: only an index below `links.length`.
    function _setLink(CoupledLink[] memory links, uint256 index, CoupledLink link) internal pure {
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
