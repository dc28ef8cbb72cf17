// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

import {IGridBreakers} from "./IGridBreakers.sol";
import {IGridResources} from "./IGridResources.sol";
import {IGridStates} from "./IGridStates.sol";
import {IGridZones} from "./IGridZones.sol";
import {IStabilityParts} from "./IStabilityParts.sol";

/// @title Everything that `GridManagement` answers at its one address
/// @notice Market and dispatch level, seconds to minutes; never plant protection.
interface IGridManagement is
    IGridZones,
    IGridStates,
    IGridBreakers,
    IStabilityParts,
    IGridResources,
    IAccessManaged
{}
