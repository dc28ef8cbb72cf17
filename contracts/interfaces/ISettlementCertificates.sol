// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {CertificateEntry, CertificatePool} from "../types/Settlement.sol";

/// @title Certificates: who produced and who consumed verified green energy, quarter hour by quarter hour
/// @notice Settling a MEASURED slot mints one EnergyToken base unit per Wh of verified, mintable export, once per
/// (account, slot). Of it `min(net sold, minted)` goes to the pool of (region, slot), the rest to the owner; a
/// region is the zones that are cleared together. Net
/// buyers enter what they bought. The pool closes when every position of the slot has been entered, or one day
/// after the slot's reading deadline. Then `T = min(given, wanted)` is shared among the buyers and `given - T`
/// returned to the givers, each in proportion to its entry by the cursor rule
/// `floor((A + q) * T / Q) - floor(A * T / Q)`, `A += q`: shares add up to T exactly in any order of claiming and
/// each is within 1 Wh of its proportion. Of a buyer's share, what its verified, measured import covers is retired;
/// the rest is plain token. Positions settled after closing keep what they minted.
/// What a slot minted and gave stands in `SlotsSettled`, and so does what a net buyer asks for.
interface ISettlementCertificates {
    /// @notice An account took what was due to it from a pool. Not emitted when all of it was retired:
    /// `EnergyRetired` says so then.
    /// @param sharedWh buyers: energy obtained, retired or not
    /// @param returnedWh givers: energy that nobody wanted
    event CertificatesClaimed(
        address indexed account, uint32 indexed slot, uint256 sharedWh, uint256 returnedWh
    );
    /// @notice Proof of supply: `account` consumed `energyWh` of verified green energy in `slot`.
    event EnergyRetired(address indexed account, uint32 indexed slot, uint256 energyWh);

    /// @notice The pool still takes entries: settle the others, or wait. @param enteredWh gross bought plus gross sold
    /// energy so far @param requiredWh twice the energy traded
    error PoolNotClosed(uint16 region, uint32 slot, uint256 enteredWh, uint256 requiredWh);

    /// @notice Claim for many accounts what one slot's pool owes them; entries claimed before are passed over.
    /// Anybody may call; tokens go to the accounts. Never paused.
    /// @param accounts at most 100
    /// @return retiredWh energy retired by this call
    function claimCertificates(address[] calldata accounts, uint32 slot)
        external
        returns (uint256 retiredWh);

    /// @notice Pool of a region and slot. A region's id is that of its head zone.
    function certificatePool(uint16 region, uint32 slot)
        external
        view
        returns (CertificatePool memory);

    /// @notice What an account has in the pool of a slot and has not claimed.
    /// @dev Entries are kept for 4,096 slots (42 days); an older one is claimed by itself when its place is needed.
    function certificateEntry(address account, uint32 slot)
        external
        view
        returns (CertificateEntry memory);

    /// @notice The certificates' token; 1 base unit = 1 Wh.
    function energyToken() external view returns (address);
}
