// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SettlementAddresses, SettlementParameters} from "../types/Settlement.sol";
import {DeliverySettlement} from "./DeliverySettlement.sol";
import {SettlementRoom} from "./SettlementRoom.sol";
import {ZoneTariffs} from "./ZoneTariffs.sol";

/// @notice The room of `Settlement` that settles deliveries, shares certificates and takes tariffs. See
/// `SettlementRoom`.
contract SettlementDelivery is SettlementRoom, ZoneTariffs, DeliverySettlement {
    /// @dev Same values as those of `Settlement`.
    constructor(
        address authority,
        address settlementToken_,
        address energyToken_,
        address meter_,
        address market_,
        address treasury_,
        SettlementParameters memory parameters,
        address predecessor
    )
        SettlementRoom(
            SettlementAddresses({
                authority: authority,
                settlementToken: settlementToken_,
                energyToken: energyToken_,
                meter: meter_,
                market: market_,
                treasury: treasury_,
                predecessor: predecessor
            }),
            parameters
        )
    {}
}
