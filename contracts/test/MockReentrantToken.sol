// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A coin that makes one call of an attacker's choice in the middle of its next transfer. It can hold an account
/// of its own at the victim, so that calls it makes come from an account with money.
contract MockReentrantToken is ERC20 {
    /// @notice The call made during a transfer. @param success whether it went through @param answer what it returned
    event Reentered(bool success, bytes answer);

    uint8 private immutable DECIMALS;
    address private _target;
    bytes private _call;

    constructor(uint8 decimals_) ERC20("Mock Hostile Coin", "mHOSTILE") {
        DECIMALS = decimals_;
    }

    /// @notice Create `amount` base units for `to`.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice Make `data` the call during the next transfer.
    function arm(address target, bytes calldata data) external {
        _target = target;
        _call = data;
    }

    /// @notice Call anything as this contract.
    function act(address target, bytes calldata data) external returns (bytes memory answer) {
        bool success;
        (success, answer) = target.call(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    /// @notice As given at deployment.
    function decimals() public view override returns (uint8) {
        return DECIMALS;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        address target = _target;
        if (target == address(0)) return;
        _target = address(0);
        (bool success, bytes memory answer) = target.call(_call);
        emit Reentered(success, answer);
    }
}
