// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {ISealedAuction} from "../interfaces/ISealedAuction.sol";
import {CurveScan, PackedCurves} from "../libraries/PackedCurves.sol";
import {CoupledLink, CoupledLinks} from "../types/CoupledLink.sol";
import {CoupledMarket, Sums} from "../types/CoupledMarket.sol";
import {
    SealedClock,
    SealedSession,
    SealedSessionLib,
    SealedState
} from "../types/SealedSession.sol";
import {CoupledVerification} from "./CoupledVerification.sol";
import {SealedResults} from "./SealedResults.sol";

/// @title Sealed coupled auctions
/// @notice See `ISealedAuction`.
contract SealedAuction is ISealedAuction, CoupledVerification, SealedResults, AccessManaged {
    /// @dev A market in one word: its clock and the congestion rent of all its sessions. A session's
    /// rent is below 2^96 (2^24 links, 2^40 energy, 2^32 ticks), so 2^40 of them fit.
    struct Market {
        uint40 firstGate;
        uint32 gateInterval;
        uint16 sessionsPerGate;
        uint32 clearingTime;
        uint136 rent;
    }

    /* CONSTANTS */

    uint256 private constant NETWORK_HEADER_BYTES = 2;
    uint256 private constant BORDER_BYTES = 4;
    /// @dev Of a seal's word: the ring's tag takes the place of the digest's lowest 32 bits.
    uint256 private constant TAG_BITS = 32;
    uint256 private constant MAX_LEAD = 365 days;
    uint256 private constant MAX_GATE_INTERVAL = 7 days;
    uint256 private constant MAX_CLEARING_TIME = 1 days;

    /* IMMUTABLES */

    /// @inheritdoc ISealedAuction
    int256 public immutable LOWEST_PRICE;
    /// @inheritdoc ISealedAuction
    int256 public immutable HIGHEST_PRICE;
    /// @inheritdoc ISealedAuction
    uint256 public immutable ORDER_TICK;

    /* STORAGE */

    /// @inheritdoc ISealedAuction
    uint32 public marketCount;

    mapping(uint256 market => Market) private _markets;

    /// @dev By ring key: `digest 224 | tag 32`.
    mapping(uint256 key => uint256) private _seals;

    /// @param authority access manager that knows the committers
    /// @param lowestPrice first price of the range, int32
    /// @param highestPrice last price of the range, int32
    /// @param orderTick distance of order prices; the range is a multiple of it
    constructor(address authority, int256 lowestPrice, int256 highestPrice, uint256 orderTick)
        AccessManaged(authority)
    {
        // Below 2^31 ticks from end to end, as `PackedCurves` needs; for int32 prices that says that a
        // range of the full 2^32 takes a tick of more than 1.
        if (
            lowestPrice < type(int32).min || highestPrice > type(int32).max
                || lowestPrice >= highestPrice || orderTick == 0
                || uint256(highestPrice - lowestPrice) % orderTick != 0
                || uint256(highestPrice - lowestPrice) / orderTick >= (1 << 31) - 1
        ) revert PriceGridInvalid(lowestPrice, highestPrice, orderTick);
        LOWEST_PRICE = lowestPrice;
        HIGHEST_PRICE = highestPrice;
        ORDER_TICK = orderTick;
    }

    /* USER FUNCTIONS */

    /// @inheritdoc ISealedAuction
    function clear(
        SealedSession session,
        bytes calldata network,
        bytes calldata proposal,
        bytes calldata curves
    ) external returns (uint256 rent) {
        // Check: the time, the seal, the proposal.
        Market storage terms = _market(session);
        uint256 gate = _gate(terms, session);
        if (block.timestamp < gate) revert GateStillOpen(block.timestamp, gate);
        if (block.timestamp > gate + terms.clearingTime) {
            revert ClearingTimeOver(block.timestamp, gate + terms.clearingTime);
        }
        if (_isCleared(session)) revert AlreadyCleared(session);
        CoupledMarket memory market = _readNetwork(network);
        _checkSeal(session, _readCurves(market, network, curves));
        rent = _verify(market, proposal);

        // Effect: results and rent on record.
        _storeResults(session, market);
        // Fits, see `Market`.
        if (rent != 0) terms.rent += uint136(rent);
        emit SessionCleared(session, rent);
    }

    /* RESTRICTED FUNCTIONS */

    /// @inheritdoc ISealedAuction
    function openMarket(SealedClock calldata clock) external restricted returns (uint32 market) {
        if (
            clock.firstGate <= block.timestamp || clock.firstGate > block.timestamp + MAX_LEAD
                || clock.gateInterval == 0 || clock.gateInterval > MAX_GATE_INTERVAL
                || clock.sessionsPerGate == 0 || clock.clearingTime == 0
                || clock.clearingTime > MAX_CLEARING_TIME
        ) revert ClockInvalid(clock, block.timestamp + 1);
        market = ++marketCount;
        _markets[market] = Market({
            firstGate: clock.firstGate,
            gateInterval: clock.gateInterval,
            sessionsPerGate: clock.sessionsPerGate,
            clearingTime: clock.clearingTime,
            rent: 0
        });
        emit MarketOpened(market, clock);
    }

    /// @inheritdoc ISealedAuction
    function commit(SealedSession session, bytes32 networkHash, bytes32[] calldata curveHashes)
        external
        restricted
    {
        Market storage terms = _market(session);
        uint256 gate = _gate(terms, session);
        if (block.timestamp >= gate) revert GateClosed(block.timestamp, gate);
        uint256 number = session.number();
        if (number >= SealedSessionLib.RING) {
            SealedSession former =
                SealedSessionLib.pack(session.market(), number - SealedSessionLib.RING);
            uint256 formerEnd = _gate(terms, former) + terms.clearingTime;
            if (block.timestamp <= formerEnd) {
                revert CommitTooEarly(block.timestamp, formerEnd + 1);
            }
        }
        if (curveHashes.length == 0 || curveHashes.length > MAX_ZONES) {
            revert ZoneCount(curveHashes.length, MAX_ZONES);
        }
        bytes32 digest = keccak256(abi.encodePacked(networkHash, curveHashes));
        _seals[session.ringKey()] = _seal(session, digest);
        emit SessionCommitted(session, networkHash, curveHashes);
    }

    /* VIEWS */

    /// @inheritdoc ISealedAuction
    function clockOf(uint32 market) external view returns (SealedClock memory) {
        Market storage terms = _market(SealedSessionLib.pack(market, 0));
        return SealedClock({
            firstGate: terms.firstGate,
            gateInterval: terms.gateInterval,
            sessionsPerGate: terms.sessionsPerGate,
            clearingTime: terms.clearingTime
        });
    }

    /// @inheritdoc ISealedAuction
    function rentOf(uint32 market) external view returns (uint256) {
        return _market(SealedSessionLib.pack(market, 0)).rent;
    }

    /// @inheritdoc ISealedAuction
    function sessionId(uint32 market, uint32 number) external pure returns (SealedSession) {
        return SealedSessionLib.pack(market, number);
    }

    /// @inheritdoc ISealedAuction
    function gateOf(SealedSession session) external view returns (uint256) {
        return _gate(_market(session), session);
    }

    /// @inheritdoc ISealedAuction
    function clearingEndOf(SealedSession session) external view returns (uint256) {
        Market storage terms = _market(session);
        return _gate(terms, session) + terms.clearingTime;
    }

    /// @inheritdoc ISealedAuction
    function stateOf(SealedSession session) external view returns (SealedState) {
        Market storage terms = _market(session);
        uint256 gate = _gate(terms, session);
        if (block.timestamp < gate) return SealedState.OPEN;
        if (_isCleared(session)) return SealedState.CLEARED;
        if (commitmentOf(session) == 0) return SealedState.UNCOMMITTED;
        return block.timestamp > gate + terms.clearingTime
            ? SealedState.EXPIRED
            : SealedState.CLEARABLE;
    }

    /// @inheritdoc ISealedAuction
    function commitmentOf(SealedSession session) public view returns (bytes28) {
        uint256 seal = _seals[session.ringKey()];
        // Only the lowest bits, those of the tag, are cut off.
        return uint32(seal) == session.tag() ? bytes28(bytes32(seal)) : bytes28(0);
    }

    /* INTERNAL */

    /// @inheritdoc CoupledVerification
    /// @param curve place of the curve in calldata
    function _sums(uint256 curve, int256 price)
        internal
        view
        override
        returns (Sums memory sums)
    {
        (CurveScan memory sells, CurveScan memory buys) = PackedCurves.open(curve);
        _advanceSells(sells, price, sums);
        _advanceBuys(buys, price, sums);
    }

    /// @inheritdoc CoupledVerification
    /// @dev Each side is read once, from its best order on.
    function _sumsOfThree(uint256 curve, int256 lowest, int256 price, int256 highest)
        internal
        view
        override
        returns (Sums memory low, Sums memory middle, Sums memory high)
    {
        (CurveScan memory sells, CurveScan memory buys) = PackedCurves.open(curve);
        _advanceSells(sells, lowest, low);
        _advanceSells(sells, price, middle);
        _advanceSells(sells, highest, high);
        _advanceBuys(buys, highest, high);
        _advanceBuys(buys, price, middle);
        _advanceBuys(buys, lowest, low);
    }

    function _advanceSells(CurveScan memory side, int256 price, Sums memory sums) private view {
        unchecked {
            // The verifier keeps prices within the range, the constructor the range within 2^32.
            (sums.sellsBelow, sums.sellsUpTo) =
                PackedCurves.advance(side, uint256(price - LOWEST_PRICE), ORDER_TICK);
        }
    }

    function _advanceBuys(CurveScan memory side, int256 price, Sums memory sums) private view {
        unchecked {
            // As above.
            (sums.buysAbove, sums.buysFrom) =
                PackedCurves.advance(side, uint256(HIGHEST_PRICE - price), ORDER_TICK);
        }
    }

    /* PRIVATE */

    function _market(SealedSession session) private view returns (Market storage terms) {
        terms = _markets[session.market()];
        if (terms.sessionsPerGate == 0) revert UnknownMarket(session.market(), marketCount);
    }

    function _gate(Market storage terms, SealedSession session) private view returns (uint256) {
        unchecked {
            // At most 2^40 + 2^32 * 2^32; the divisor is not 0 in an open market.
            return terms.firstGate
                + session.number() / terms.sessionsPerGate * uint256(terms.gateInterval);
        }
    }

    /// @dev Zones, borders with their prices, and links; nodes without curves.
    function _readNetwork(bytes calldata network)
        private
        view
        returns (CoupledMarket memory market)
    {
        unchecked {
            uint256 at = _start(network);
            uint256 header = _word(at);
            uint256 zones = header >> 248;
            uint256 borders = uint8(header >> 240);
            uint256 linksStart = NETWORK_HEADER_BYTES + BORDER_BYTES * borders;
            if (network.length < linksStart) revert NetworkLength(network.length, linksStart);
            uint256 linkBytes = network.length - linksStart;
            uint256 links = linkBytes / CoupledLinks.PACKED_BYTES;
            if (linkBytes % CoupledLinks.PACKED_BYTES != 0) {
                revert NetworkLength(
                    network.length, linksStart + links * CoupledLinks.PACKED_BYTES
                );
            }
            market = _newMarket(zones, borders, links, LOWEST_PRICE, HIGHEST_PRICE);
            at += NETWORK_HEADER_BYTES;
            for (uint256 node = zones; node < zones + borders; ++node) {
                market.nodes[node].price = int256(_word(at)) >> 224;
                at += BORDER_BYTES;
            }
            CoupledLink[] memory unpacked = market.links;
            for (uint256 link; link < links; ++link) {
                _setLink(unpacked, link, CoupledLinks.unpack(_word(at)));
                at += CoupledLinks.PACKED_BYTES;
            }
        }
    }

    /// @dev Places of the curves into the zones. @return digest what was to be sealed
    function _readCurves(
        CoupledMarket memory market,
        bytes calldata network,
        bytes calldata curves
    ) private pure returns (bytes32 digest) {
        unchecked {
            // The hash of the network and those of the curves, as `commit` got them.
            bytes32[] memory hashes = new bytes32[](market.zones + 1);
            hashes[0] = _hash(_start(network), network.length);
            uint256 at = _start(curves);
            for (uint256 zone; zone < market.zones; ++zone) {
                uint256 length = PackedCurves.length(at);
                market.nodes[zone].curve = at;
                hashes[zone + 1] = _hash(at, length);
                at += length;
            }
            uint256 expected = at - _start(curves);
            if (curves.length != expected) revert CurvesLength(curves.length, expected);
            digest = keccak256(abi.encodePacked(hashes));
        }
    }

    function _checkSeal(SealedSession session, bytes32 digest) private view {
        uint256 given = _seal(session, digest);
        if (_seals[session.ringKey()] == given) return;
        bytes28 committed = commitmentOf(session);
        if (committed == 0) revert NotCommitted(session);
        revert CommitmentMismatch(bytes28(bytes32(given)), committed);
    }

    /// @dev The word that stands for a sealed session.
    function _seal(SealedSession session, bytes32 digest) private pure returns (uint256) {
        return (uint256(digest) >> TAG_BITS << TAG_BITS) | session.tag();
    }

    /// @dev keccak256 of a piece of calldata, copied behind the memory in use.
    function _hash(uint256 at, uint256 length) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, at, length)
            hash := keccak256(free, length)
        }
    }
}
