// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AssetDrawing} from "../libraries/AssetDrawing.sol";
import {CivilMonths} from "../libraries/CivilMonths.sol";
import {AssetSpec} from "../types/Assets.sol";

/// @notice The libraries of assets, one call each.
contract AssetLibrariesHarness {
    function monthsOfDays(uint256[] calldata givenDays)
        external
        pure
        returns (uint256[] memory months)
    {
        months = new uint256[](givenDays.length);
        for (uint256 i; i < givenDays.length; ++i) {
            months[i] = CivilMonths.ofDay(givenDays[i]);
        }
    }

    function svg(
        string calldata title,
        AssetSpec calldata spec,
        uint256 newestMonth,
        uint256[12] calldata monthsWh,
        uint256 totalWh
    ) external pure returns (string memory) {
        return AssetDrawing.svg(title, spec, newestMonth, monthsWh, totalWh);
    }
}
