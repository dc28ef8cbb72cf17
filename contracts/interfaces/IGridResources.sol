// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IResourceRegister} from "./IResourceRegister.sol";
import {ISetPoints} from "./ISetPoints.sol";

/// @title What `ResourceRoom` answers at the address of `GridManagement`
interface IGridResources is IResourceRegister, ISetPoints {}
