// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {GridState} from "../types/GridStates.sol";
import {Halt} from "../types/MarketTerms.sol";

/// @title What the state of the grid does to the market
/// @notice EMERGENCY and RESTORATION halt placing and matching for slots that start within the next hour, BLACKOUT for all
/// slots. A halt lives for `haltSeconds` and is renewed while the state stands. The market joins halts and never cuts one,
/// so a renewal is left out while a wider halt is in force: it would keep that alive. Nothing else is ever stopped.
///
/// Lines: an interconnector with a registered rating carries a share of it: what the loading of the zones at its ends
/// leaves, half at most in RESTORATION, nothing in BLACKOUT. Within one state a share only falls.
interface IGridBreakers {
    /// @notice A halt was pushed into the market, which may have joined it with another.
    event HaltPushed(
        uint16 indexed zone, GridState state, uint32 fromSlot, uint32 toSlot, uint40 expiresAt
    );
    /// @notice The market refused a halt; anyone may push again. @param errorSelector of its error, 0 if it gave none
    event HaltRefused(uint16 indexed zone, GridState state, bytes4 errorSelector);
    /// @notice An interconnector is under grid management, with these ratings in W; 0 and 0: no longer.
    event LineRated(uint16 indexed region, uint256 indexed index, uint256 forwardW, uint256 backW);
    /// @notice The market has the capacity of a line: this share of its ratings, in 1/10,000.
    event LineLimited(uint16 indexed region, uint256 indexed index, uint256 shareBps);
    /// @notice The market refused a capacity; anyone may push again. @param errorSelector of its error, 0 if none
    event LineRefused(uint16 indexed region, uint256 indexed index, bytes4 errorSelector);

    /// @notice Ratings are at most 2^39 - 1 W, and both 0 to end the management of a line.
    error RatingInvalid(uint256 forwardW, uint256 backW, uint256 allowedW);
    /// @notice The region has no such interconnector.
    error LineUnknown(uint16 region, uint256 index, uint256 count);
    /// @notice The line has no rating whose management could end.
    error LineNotManaged(uint16 region, uint256 index);
    /// @notice The call got so little gas that the market might have failed for that alone.
    error GasTooLow(uint256 given, uint256 required);

    /// @notice Bring the market in line with the state of a zone as it is on record. Anyone may call.
    /// @return isInLine whether the market has taken all that there was to push
    function pushBreakers(uint16 zone) external returns (bool isInLine);

    /// @notice Put an interconnector of the market under grid management, change its ratings, or (0, 0) end it, which
    /// leaves the capacity as it is. Restricted.
    /// @param forwardW rated power from its first zone to its second, in W
    /// @param backW rated power the other way, in W
    function rateLine(uint16 region, uint256 index, uint256 forwardW, uint256 backW) external;

    /// @notice The halt that the state of a zone asks for now; all 0 if none.
    /// @return wanted see `Halt`; `expiresAt` as if it was pushed now
    /// @return isDue whether `pushBreakers` would push it
    function breakerOf(uint16 zone) external view returns (Halt memory wanted, bool isDue);

    /// @notice Lines under grid management that end in a zone.
    /// @return lineIds `region * 256 + index`
    function linesOf(uint16 zone) external view returns (uint256[] memory lineIds);

    /// @notice A line. @return forwardW rated @return backW rated @return shareBps what the market was last given of it
    function lineOf(uint16 region, uint256 index)
        external
        view
        returns (uint256 forwardW, uint256 backW, uint256 shareBps);
}
