// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC5805} from "@openzeppelin/contracts/interfaces/IERC5805.sol";

/// @title GovernanceToken: votes on the grid's rules
/// @notice ERC-20 with permit and votes (ERC-5805), 18 decimals. All tokens exist from the beginning: nobody can create or
/// destroy any. It has no part in any money of the market.
///
/// A balance votes only once its holder has delegated it, to himself or to somebody else. Votes are asked for as they were
/// at a past second (`CLOCK_MODE` "mode=timestamp"), never as they are now: what is bought, borrowed or delegated within a
/// transaction has no vote in anything that was proposed before, and moving tokens after that second moves no vote.
interface IGovernanceToken is IERC20, IERC5805 {
    /// @notice There are no holders, or not one amount for each.
    error HoldersMismatched(uint256 holders, uint256 amounts);
    /// @notice A first holder would get nothing.
    error AmountZero(uint256 index);
}
