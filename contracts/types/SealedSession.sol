// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice A session of a sealed auction: `market 32 | number 32`. Markets count from 1, sessions from
/// 0.
type SealedSession is uint64;

using SealedSessionLib for SealedSession global;

/// @notice The clock of a market, fixed when it is opened. One storage word, with the market's rent.
/// @param firstGate unix second of the first gate
/// @param gateInterval seconds from one gate to the next
/// @param sessionsPerGate sessions that close at one gate: 24 hours of a day that close together, or 1
/// @param clearingTime seconds after the gate in which a session can be cleared
struct SealedClock {
    uint40 firstGate;
    uint32 gateInterval;
    uint16 sessionsPerGate;
    uint32 clearingTime;
}

/// @notice OPEN: before the gate. UNCOMMITTED: the gate passed without a commitment, so there is
/// nothing to clear. CLEARABLE: anyone can clear it. CLEARED: prices stand. EXPIRED: committed, not
/// cleared in time. UNCOMMITTED and EXPIRED sessions are void: no price, no volume.
enum SealedState {
    OPEN,
    UNCOMMITTED,
    CLEARABLE,
    CLEARED,
    EXPIRED
}

/// @notice What a session brought one zone.
/// @param traded anything was sold or bought; otherwise the zone publishes no price
/// @param price in verifier ticks
/// @param netExport energy sold minus energy bought
/// @param rationsBuys which side's orders at the price are filled in part, if any
/// @param rationedFill what those orders get together
/// @param rationedTotal what those orders ask for together; 0: no order is filled in part
struct SealedZoneResult {
    bool traded;
    int256 price;
    int256 netExport;
    bool rationsBuys;
    uint256 rationedFill;
    uint256 rationedTotal;
}

/// @notice Packing and ring storage of sessions.
library SealedSessionLib {
    /// @dev Sessions of a market on record at a time.
    uint256 internal constant RING = 4096;

    function pack(uint256 market_, uint256 number_) internal pure returns (SealedSession) {
        return SealedSession.wrap(uint64((market_ << 32) | number_));
    }

    function market(SealedSession session) internal pure returns (uint256) {
        return SealedSession.unwrap(session) >> 32;
    }

    function number(SealedSession session) internal pure returns (uint256) {
        return uint32(SealedSession.unwrap(session));
    }

    /// @notice Storage key: `market 32 | number mod RING 12 | word 4`, `word` left 0.
    function ringKey(SealedSession session) internal pure returns (uint256) {
        return (market(session) << 16) | ((number(session) % RING) << 4);
    }

    /// @notice Turn of the ring, from 1, at most 2^20: marks words of another turn as empty.
    function tag(SealedSession session) internal pure returns (uint256) {
        unchecked {
            return number(session) / RING + 1;
        }
    }
}
