// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {Asset, AssetKind, AssetSpec} from "../types/Assets.sol";
import {AssetDrawing} from "./AssetDrawing.sol";

/// @notice The JSON that wallets and market places read (ERC-721 metadata).
/// @dev Nothing in it is free text: kinds are names from here, the cell has only geohash digits, the rest are numbers.
/// So nothing needs to be escaped.
library AssetMetadata {
    using Strings for uint256;

    /// @param newestMonth month of the last of `monthsWh`, see `CivilMonths`; 0 if nothing is on record
    /// @param monthsWh verified production of twelve months, in Wh
    /// @param totalWh all verified production on record, in Wh
    function uri(
        uint256 assetId,
        Asset memory asset,
        uint256 newestMonth,
        uint256[12] memory monthsWh,
        uint256 totalWh
    ) internal pure returns (string memory) {
        string memory title = string.concat(kindName(asset.spec.kind), " #", assetId.toString());
        string memory svg = AssetDrawing.svg(title, asset.spec, newestMonth, monthsWh, totalWh);
        return string.concat(
            "data:application/json;base64,",
            Base64.encode(
                bytes(
                    string.concat(
                        '{"name":"',
                        title,
                        '","description":"An energy asset. Its production is copied from the verified'
                        ' record of its meter.","image":"data:image/svg+xml;base64,',
                        Base64.encode(bytes(svg)),
                        '","attributes":[',
                        _attributes(asset, totalWh),
                        "]}"
                    )
                )
            )
        );
    }

    function kindName(AssetKind kind) internal pure returns (string memory) {
        if (kind == AssetKind.SOLAR) return "Solar plant";
        if (kind == AssetKind.WIND) return "Wind turbine";
        if (kind == AssetKind.HYDRO) return "Hydro plant";
        if (kind == AssetKind.COMBINED_HEAT_AND_POWER) return "Cogeneration";
        if (kind == AssetKind.BATTERY) return "Battery";
        if (kind == AssetKind.CHARGER) return "Charger";
        if (kind == AssetKind.HEAT_PUMP) return "Heat pump";
        return "Energy asset";
    }

    function _attributes(Asset memory asset, uint256 totalWh)
        private
        pure
        returns (string memory)
    {
        AssetSpec memory spec = asset.spec;
        string memory fixedOnes = string.concat(
            '{"trait_type":"Kind","value":"',
            kindName(spec.kind),
            '"},{"trait_type":"Cell","value":"',
            AssetDrawing.text(spec.cell),
            '"},',
            _number("Rated power (W)", spec.ratedW),
            ",",
            _date("Commissioned", spec.commissionedAt)
        );
        return string.concat(
            fixedOnes,
            ",",
            _number("Meter", asset.meterId),
            ",",
            _number("Verified production (Wh)", totalWh),
            asset.nextDueAt == 0
                ? ""
                : string.concat(",", _date("Next maintenance", asset.nextDueAt))
        );
    }

    function _number(string memory trait, uint256 value) private pure returns (string memory) {
        return string.concat('{"trait_type":"', trait, '","value":', value.toString(), "}");
    }

    function _date(string memory trait, uint256 unixSeconds) private pure returns (string memory) {
        return string.concat(
            '{"trait_type":"',
            trait,
            '","display_type":"date","value":',
            unixSeconds.toString(),
            "}"
        );
    }
}
