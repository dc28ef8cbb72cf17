// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @dev Settlement slot: a quarter hour.
uint256 constant SLOT_SECONDS = 900;
uint256 constant SLOTS_PER_DAY = 96;
uint256 constant DAY_SECONDS = 86_400;

/// @dev Clocks of meters run at most this far ahead of the chain's (V7).
uint256 constant MAX_CLOCK_LEAD = 30;
/// @dev A meter is registered at most this long before its first slot: 7 days.
uint256 constant MAX_COMMISSIONING_LEAD = 7 * DAY_SECONDS;
/// @dev Longest gap that is interpolated: one day.
uint256 constant MAX_ESTIMATED_SLOTS = 96;

/// @dev Largest register width: the registers take 40 bits each, 1.1 TWh.
uint256 constant MAX_REGISTER_WIDTH_WH = 1 << 40;
/// @dev A register must take at least ten days at the cap to roll over. V12 asks for 90 % of the width
/// before a rollover; the last 10 % are then a day or more, so that over any gap of up to a day no
/// honest rollover is refused.
uint256 constant MIN_WIDTH_SLOTS = 10 * SLOTS_PER_DAY;

/// @dev Time to demand signatures before a page may be revealed: 1 hour.
uint256 constant DISPUTE_SECONDS = 3600;
/// @dev Time for an accused bridge to show a signature: 1 day.
uint256 constant ANSWER_SECONDS = DAY_SECONDS;
/// @dev A meter joins a bridge from a boundary at most this old on: 1 day.
uint256 constant MAX_JOIN_AGE_SLOTS = SLOTS_PER_DAY;

/// @dev A register epoch (the owner stays) or a hand-over with the old owner's consent waits 24 hours.
uint256 constant EPOCH_DELAY = DAY_SECONDS;
/// @dev A hand-over without the old owner's consent waits 7 days.
uint256 constant HANDOVER_DELAY = 7 * DAY_SECONDS;
/// @dev An objection buys 30 days.
uint256 constant OBJECTION_DELAY = 30 * DAY_SECONDS;
/// @dev What was announced may be opened for 30 days.
uint256 constant OPEN_SECONDS = 30 * DAY_SECONDS;

/// @dev Bounds of each limit of `MeterLimits`.
uint256 constant LOWEST_METER_LIMIT = 10;
uint256 constant HIGHEST_METER_LIMIT = 10_000;
/// @dev Limits at deployment: a stolen registrar's key makes no more than 200 meters a day.
uint32 constant GLOBAL_METERS_PER_DAY = 500;
uint32 constant REGISTRAR_METERS_PER_DAY = 200;
uint32 constant REMOVALS_PER_DAY = 200;
