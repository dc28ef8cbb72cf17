// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Arithmetic of delivery and payment. Energies in Wh, prices in units per kWh. Mirrored by
/// `energy_grid/grid/flexibility.py`.
library FlexPayments {
    uint256 internal constant SLOT_SECONDS = 900;
    uint256 internal constant BPS = 10_000;
    /// @dev From this delivered share on, what was delivered is paid in full and no penalty is due: 90 %.
    uint256 internal constant FULL_BPS = 9000;
    /// @dev Below this share nothing is paid: 50 %.
    uint256 internal constant NOTHING_BPS = 5000;
    /// @dev W * s in a kWh.
    uint256 internal constant WATT_SECONDS_PER_KWH = 3_600_000;

    uint256 private constant WH_PER_KWH = 1000;

    /// @notice Energy of a power over some seconds, rounded down.
    function energyDown(uint256 powerW, uint256 spanSeconds) internal pure returns (uint256) {
        return powerW * spanSeconds / 3600;
    }

    /// @notice Price of a power over some seconds, rounded up: what a budget keeps.
    function costUp(uint256 powerW, uint256 spanSeconds, uint256 pricePerKWh)
        internal
        pure
        returns (uint256)
    {
        return (powerW * spanSeconds * pricePerKWh + WATT_SECONDS_PER_KWH - 1) / WATT_SECONDS_PER_KWH;
    }

    /// @notice Stake that covers every penalty of a window: per slot and rounded up, as penalties are.
    function stakeUp(uint256 powerW, uint256 slots, uint256 penaltyPerKWh)
        internal
        pure
        returns (uint256)
    {
        return slots * perKWhUp(energyDown(powerW, SLOT_SECONDS), penaltyPerKWh);
    }

    /// @notice Payment and penalty of one slot. The payment is rounded down and the penalty up, both for the budget.
    /// @param acceptedWh change accepted
    /// @param deliveredWh change delivered, not below 0
    function settle(
        uint256 acceptedWh,
        uint256 deliveredWh,
        uint256 pricePerKWh,
        uint256 penaltyPerKWh
    ) internal pure returns (uint256 payment, uint256 penalty) {
        if (acceptedWh == 0) return (0, 0);
        uint256 countedWh = deliveredWh < acceptedWh ? deliveredWh : acceptedWh;
        uint256 shareBps = countedWh * BPS / acceptedWh;
        if (shareBps >= FULL_BPS) return (countedWh * pricePerKWh / WH_PER_KWH, 0);
        penalty = perKWhUp(acceptedWh - countedWh, penaltyPerKWh);
        if (shareBps > NOTHING_BPS) {
            uint256 paidBps = (shareBps - NOTHING_BPS) * BPS / (FULL_BPS - NOTHING_BPS);
            payment = countedWh * paidBps * pricePerKWh / (BPS * WH_PER_KWH);
        }
    }

    function perKWhUp(uint256 energyWh, uint256 pricePerKWh) internal pure returns (uint256) {
        return (energyWh * pricePerKWh + WH_PER_KWH - 1) / WH_PER_KWH;
    }
}
