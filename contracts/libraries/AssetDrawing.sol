// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {DAY_SECONDS} from "./MeterConstants.sol";
import {AssetKind, AssetSpec} from "../types/Assets.sol";
import {CivilMonths} from "./CivilMonths.sol";

/// @notice The picture of an asset: its kind, its figures, and twelve months of verified production as bars.
///
/// ```
///  +------------------------------+
///  |  (kind)   Solar plant #1     |
///  |           9.8 kW . u33d      |
///  |           since 2024-05      |
///  |  1,234.5 kWh verified        |
///  |   _ _ # # # # _ _ _ # # #    |
///  |  2025-07             2026-06 |
///  +------------------------------+
/// ```
library AssetDrawing {
    using Strings for uint256;

    /// @dev Height of the largest bar.
    uint256 private constant BAR_HEIGHT = 110;
    uint256 private constant BAR_FLOOR = 340;
    uint256 private constant BAR_PITCH = 28;

    /// @param title plain text without characters that XML reserves
    /// @param newestMonth month of the last bar; 0 if nothing is on record
    function svg(
        string memory title,
        AssetSpec memory spec,
        uint256 newestMonth,
        uint256[12] memory monthsWh,
        uint256 totalWh
    ) internal pure returns (string memory) {
        string memory head = string.concat(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" font-family="sans-serif">'
            '<rect width="400" height="400" rx="24" fill="#12263a"/>'
            '<g transform="translate(32 32)" fill="none" stroke="#f4b942" stroke-width="5"'
            ' stroke-linecap="round" stroke-linejoin="round">',
            _glyph(spec.kind),
            '</g><g fill="#ffffff"><text x="128" y="58" font-size="20" font-weight="bold">',
            title,
            '</text><text x="128" y="86" font-size="17">'
        );
        return string.concat(
            head,
            thousandths(spec.ratedW),
            " kW &#183; ",
            text(spec.cell),
            '</text><text x="128" y="110" font-size="17">since ',
            monthText(CivilMonths.ofDay(spec.commissionedAt / DAY_SECONDS)),
            '</text><text x="32" y="180" font-size="30" font-weight="bold">',
            thousandths(totalWh),
            ' kWh</text><text x="32" y="204" font-size="14" opacity="0.7">verified production</text></g>',
            _bars(newestMonth, monthsWh),
            "</svg>"
        );
    }

    /// @notice Thousandths with one decimal, rounded down: 9850 is "9.8".
    function thousandths(uint256 value) internal pure returns (string memory) {
        return string.concat((value / 1_000).toString(), ".", (value / 100 % 10).toString());
    }

    /// @notice Such as "2026-06".
    function monthText(uint256 month) internal pure returns (string memory) {
        uint256 number = month % 12 + 1;
        return string.concat(
            (month / 12).toString(), number < 10 ? "-0" : "-", number.toString()
        );
    }

    /// @notice Four characters as text.
    function text(bytes4 characters) internal pure returns (string memory) {
        return string(abi.encodePacked(characters));
    }

    function _bars(uint256 newestMonth, uint256[12] memory monthsWh)
        private
        pure
        returns (string memory bars)
    {
        bars = '<path d="M32 341H366" stroke="#5b7083" stroke-width="2"/>';
        if (newestMonth == 0) return bars;
        uint256 largestWh;
        for (uint256 i; i < 12; ++i) {
            if (monthsWh[i] > largestWh) largestWh = monthsWh[i];
        }
        bars = string.concat(bars, '<g fill="#4cc38a">');
        for (uint256 i; i < 12; ++i) {
            if (monthsWh[i] == 0) continue;
            // Whatever was produced can be seen.
            uint256 height = monthsWh[i] * BAR_HEIGHT / largestWh + 1;
            bars = string.concat(
                bars,
                '<rect x="',
                (34 + i * BAR_PITCH).toString(),
                '" y="',
                (BAR_FLOOR - height).toString(),
                '" width="22" height="',
                height.toString(),
                '"/>'
            );
        }
        return string.concat(
            bars,
            '</g><g fill="#9fb3c8" font-size="13"><text x="32" y="364">',
            monthText(newestMonth - 11),
            '</text><text x="366" y="364" text-anchor="end">',
            monthText(newestMonth),
            "</text></g>"
        );
    }

    /// @dev Lines in a box of 72 by 72.
    function _glyph(AssetKind kind) private pure returns (string memory) {
        if (kind == AssetKind.SOLAR) {
            return '<path d="M14 20H58L70 66H2ZM36 20V66M8 43H64"/><circle cx="36" cy="4" r="4"/>';
        }
        if (kind == AssetKind.WIND) {
            return '<path d="M36 30V70M36 26V2M36 26L16 40M36 26L56 40"/><circle cx="36" cy="26" r="4"/>';
        }
        if (kind == AssetKind.HYDRO) {
            return '<path d="M36 4C20 26 14 36 14 46A22 22 0 0 0 58 46C58 36 52 26 36 4ZM26 46A10 10 0 0 0 36 56"/>';
        }
        if (kind == AssetKind.COMBINED_HEAT_AND_POWER) {
            return '<path d="M8 68V34L28 46V34L48 46V8H60V68ZM20 58H48"/>';
        }
        if (kind == AssetKind.BATTERY) {
            return '<path d="M8 20H60V60H8ZM20 20V12M48 20V12M34 28L24 42H42L34 54"/>';
        }
        if (kind == AssetKind.CHARGER) {
            return '<path d="M10 68V8H44V68M4 68H50M44 40H54V58A6 6 0 0 0 66 58V26L56 16M28 18L20 34H34L26 50"/>';
        }
        if (kind == AssetKind.HEAT_PUMP) {
            return '<path d="M4 14H68V60H4ZM14 60V68M58 60V68M36 22V52M23 29L49 45M49 29L23 45"/>';
        }
        return '<path d="M40 4L14 42H34L30 68L58 28H38Z"/>';
    }
}
