// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice What one step of a value measures; decimals stand beside it. Signed by reporters as its number.
enum Unit {
    NONE,
    WATT,
    MILLI_HERTZ,
    MILLI_VOLT,
    BASIS_POINT,
    WATT_PER_SQUARE_METRE,
    DEGREE_CELSIUS,
    METRE_PER_SECOND,
    /// Settlement-token base units per kWh.
    UNITS_PER_KWH
}

/// @notice What a feed is about. The id of a feed is `kind 8 | horizon 8 | zone 16`, see `libraries/FeedIds.sol`.
enum FeedKind {
    NONE,
    DEMAND,
    SUPPLY,
    FREQUENCY,
    VOLTAGE,
    LINE_LOADING,
    IRRADIANCE,
    TEMPERATURE,
    WIND_SPEED,
    CLOUD_COVER,
    EXPECTED_SUPPLY,
    EXPECTED_DEMAND,
    MARKET_PRICE
}

/// @notice How far a value may be trusted; a read returns it beside the value and never reverts.
enum FeedStatus {
    /// Fresh, agreed, inside its bounds.
    OK,
    /// Older than 1.5 heartbeats, or there is none yet.
    STALE,
    /// The reporters were further apart than the feed allows.
    UNCERTAIN,
    /// The median lay outside the feed's bounds; the bound itself is the value.
    BOUNDED,
    /// The guardian has frozen the feed, or it is not activated.
    FROZEN,
    /// The value of the feed's approved fallback, which itself is OK.
    FALLBACK
}

/// @notice What a reporter signs (EIP-712). The contract never takes it as it is: it builds the struct that it
/// expects from the feed's own configuration, so a value signed for another unit, zone, interval, round or reporter
/// set is simply not signed.
/// @param feedId `kind 8 | horizon 8 | zone 16`
/// @param zone zone of the feed, again in clear for the signer
/// @param unit `Unit` as a number
/// @param decimals the value is `value / 10^decimals` units
/// @param round number of the round: unix time of its beginning / `roundSeconds` of the feed
/// @param intervalStart start of the interval that the value is about, unix seconds
/// @param intervalSeconds its length
/// @param reporterSet number of the reporter set in force
/// @param value the observation
struct Observation {
    uint32 feedId;
    uint16 zone;
    uint8 unit;
    uint8 decimals;
    uint40 round;
    uint40 intervalStart;
    uint32 intervalSeconds;
    uint32 reporterSet;
    int128 value;
}

/// @notice One reporter's part of a report; signature in the form of ERC-2098.
struct SignedValue {
    int128 value;
    bytes32 r;
    bytes32 vs;
}

/// @notice A round of one feed: at least 2f + 1 signed values, ordered by the signers' addresses, strictly rising.
struct Report {
    uint32 feedId;
    uint40 round;
    SignedValue[] values;
}

/// @notice How a feed works. Linked parameters change together, in one call.
/// @param unit unit of its values
/// @param decimals the value is `value / 10^decimals` units
/// @param intervalSeconds length of the interval that a value is about
/// @param roundSeconds shortest time between two rounds; rounds are numbered `unix time / roundSeconds`
/// @param heartbeatSeconds longest time between two rounds; a value 1.5 heartbeats old is STALE
/// @param lowestObservation a signed value below it makes the report invalid (plausibility)
/// @param highestObservation likewise above
/// @param floor a median below it is set to it and BOUNDED
/// @param cap likewise above
/// @param maxSpread largest difference between two values of a report that is not UNCERTAIN, in the feed's own steps
/// @param maxSpreadBps likewise relative to the median; the larger of both holds
/// @param fallbackFeed feed read instead where a reader allows it; 0 for none
struct FeedConfig {
    Unit unit;
    uint8 decimals;
    uint32 intervalSeconds;
    uint32 roundSeconds;
    uint32 heartbeatSeconds;
    int128 lowestObservation;
    int128 highestObservation;
    int128 floor;
    int128 cap;
    uint128 maxSpread;
    uint16 maxSpreadBps;
    uint32 fallbackFeed;
}

/// @notice A published round.
/// @param value the median, bounded
/// @param round its number
/// @param updatedAt time of the block that took it
/// @param status OK, UNCERTAIN or BOUNDED as published (staleness and freezing come with the read)
/// @param answers number of values it was made of
struct Round {
    int128 value;
    uint40 round;
    uint40 updatedAt;
    FeedStatus status;
    uint8 answers;
}
