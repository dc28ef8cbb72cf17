// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {IERC6372} from "@openzeppelin/contracts/interfaces/IERC6372.sol";
import {Votes} from "@openzeppelin/contracts/governance/utils/Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";

import {IGovernanceToken} from "../interfaces/IGovernanceToken.sol";

/// @notice See `IGovernanceToken`.
contract GovernanceToken is ERC20, ERC20Permit, ERC20Votes, IGovernanceToken {
    /// @param holders first holders @param amounts what each gets, base units; together below 2^208
    constructor(address[] memory holders, uint256[] memory amounts)
        ERC20("Energy Grid Governance", "EGG")
        ERC20Permit("Energy Grid Governance")
    {
        if (holders.length == 0 || holders.length != amounts.length) {
            revert HoldersMismatched(holders.length, amounts.length);
        }
        for (uint256 i; i < holders.length; ++i) {
            if (amounts[i] == 0) revert AmountZero(i);
            _mint(holders[i], amounts[i]);
        }
    }

    /// @notice Unix seconds.
    function clock() public view override(Votes, IERC6372) returns (uint48) {
        return Time.timestamp();
    }

    /// @notice See ERC-6372.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override(Votes, IERC6372) returns (string memory) {
        return "mode=timestamp";
    }

    /// @notice See ERC-2612.
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}
