// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ICoupledClearing} from "./ICoupledClearing.sol";
import {ICoupledVerification} from "./ICoupledVerification.sol";
import {IInterconnectors} from "./IInterconnectors.sol";

/// @title Coupled auctions
/// @notice Regions, interconnectors, and clearing over them.
interface ICoupledMarket is IInterconnectors, ICoupledClearing, ICoupledVerification {}
