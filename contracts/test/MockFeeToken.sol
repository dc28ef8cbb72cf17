// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A coin that burns a share of every transfer, without permit.
contract MockFeeToken is ERC20 {
    uint256 private constant BPS = 10_000;
    uint256 private immutable FEE_BPS;

    constructor(uint256 feeBps) ERC20("Mock Fee Coin", "mFEE") {
        FEE_BPS = feeBps;
    }

    /// @notice Create `amount` base units for `to`, without fee.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice 6.
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @dev The receiver gets the rest; the fee is destroyed.
    function _update(address from, address to, uint256 value) internal override {
        uint256 fee = from == address(0) || to == address(0) ? 0 : value * FEE_BPS / BPS;
        if (fee != 0) super._update(from, address(0), fee);
        super._update(from, to, value - fee);
    }
}
