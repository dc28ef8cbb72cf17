// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMarketLedger} from "./IMarketLedger.sol";
import {ISettlementAccounts} from "./ISettlementAccounts.sol";
import {ISettlementCertificates} from "./ISettlementCertificates.sol";
import {ISettlementDelivery} from "./ISettlementDelivery.sol";
import {ISettlementExits} from "./ISettlementExits.sol";
import {ISettlementFunds} from "./ISettlementFunds.sol";
import {ISettlementZones} from "./ISettlementZones.sol";

/// @title Settlement: the clearing house of the energy market
/// @notice Holds all money, stands between buyers and sellers, settles deliveries against verified meter readings
/// and issues energy certificates. One concept per interface; together they are the whole contract.
/// Slots are indices of quarter hours, `unixTime / 900`; energies are Wh.
interface ISettlement is
    IMarketLedger,
    ISettlementAccounts,
    ISettlementFunds,
    ISettlementZones,
    ISettlementDelivery,
    ISettlementCertificates,
    ISettlementExits
{
    /// @notice Code to be run on this contract's storage must have been deployed with the same fixed values.
    error RoomDiffers(address room);

    /// @notice The market whose locks and positions are settled.
    function market() external view returns (address);

    /// @notice The meter registry whose readings are settled against.
    function meter() external view returns (address);

    /// @notice The contract holding the code that settles deliveries, deployed for this one before it. It has no storage
    /// and no money of its own.
    function delivery() external view returns (address);

    /// @notice The contract holding the code by which accounts leave, deployed for this one before it. It has no storage
    /// and no money of its own.
    function exits() external view returns (address);
}
