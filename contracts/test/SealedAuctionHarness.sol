// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SealedAuction} from "../market/SealedAuction.sol";
import {Sums} from "../types/CoupledMarket.sol";

/// @notice Sealed auction whose reading of packed curves can be asked directly.
contract SealedAuctionHarness is SealedAuction {
    constructor(address authority, int256 lowestPrice, int256 highestPrice, uint256 orderTick)
        SealedAuction(authority, lowestPrice, highestPrice, orderTick)
    {}

    function sums(bytes calldata curve, int256 price) external view returns (Sums memory) {
        return _sums(_start(curve), price);
    }

    function sumsOfThree(bytes calldata curve, int256 lowest, int256 price, int256 highest)
        external
        view
        returns (Sums[3] memory result)
    {
        (result[0], result[1], result[2]) =
            _sumsOfThree(_start(curve), lowest, price, highest);
    }
}
