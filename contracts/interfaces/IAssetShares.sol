// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AssetPermission, AssetSpec} from "../types/Assets.sol";
import {Motion, Revenue, VaultStatus, VaultTerms} from "../types/AssetShares.sol";

/// @title Shares in an energy asset
/// @notice A vault that owns one asset, the meter of that asset, and an account of `Settlement` that is paid for its
/// energy. Ownership is divided into a fixed number of indivisible shares: ERC-20 with permit and votes (clock:
/// timestamps). A share votes for its holder from the moment he gets it; he may delegate.
///
/// Revenue. `collect` brings what the account can spare into the vault and divides it among all shares; holders take
/// their part whenever they like. Revenue belongs to who holds the shares when it is collected: a transfer moves none.
/// Who sells therefore lets the account be settled and collects first; both are open to everybody. Tokens sent to the
/// vault without being asked for are revenue too. Rounding: payouts down to the unit, the fraction stays the holder's.
///
/// The way back. Who holds all shares redeems them. Or somebody offers a price for all of them, in escrow: if holders of
/// 75 % of all shares have voted for it when its time is over, the asset is sold, and every share gets the same. Until
/// then anybody can offer 5 % more and so take the other's place: a majority that sells to itself cheaply can be outbid.
/// Afterwards what the account still earns is the new owner's, but after a sale the money that stood in it at that
/// moment goes to the holders first. The asset itself moves as soon as its meter is released (`IEnergyAssets`).
///
/// Nobody can stop a claim, a redemption, or the closing of an offer: none of them needs another's consent, and the last
/// two move no tokens.
/// @dev Assumptions on the settlement token: those of `ISettlementFunds`. It may take a fee and may call back; what
/// counts is what arrived. Other tokens sent here are lost.
interface IAssetShares {
    /* EVENTS */

    /// @notice The asset was locked and all shares were issued to the founder.
    event AssetLocked(uint256 indexed assetId, address indexed founder, uint96 shares);
    /// @notice Revenue was divided among all shares.
    event RevenueDivided(Revenue indexed kind, uint256 amount);
    /// @notice Revenue of the time after the end went to the asset's owner.
    event RevenueAssigned(Revenue indexed kind, address indexed owner, uint256 amount);
    /// @notice A holder was paid.
    event RevenueClaimed(
        Revenue indexed kind, address indexed holder, address indexed to, uint256 amount
    );
    /// @notice Somebody offered to buy all shares. Any other offer was outbid.
    /// @param amount units in escrow
    /// @param endsAt unix seconds from which it can be closed
    event OfferMade(
        uint256 indexed motionId, address indexed bidder, uint256 amount, uint40 endsAt
    );
    /// @notice An offer failed, was outbid or came to nothing: its escrow waits for the bidder.
    event OfferEnded(uint256 indexed motionId, address indexed bidder, uint256 amount);
    /// @notice A bidder took an escrow back.
    event RefundPaid(address indexed bidder, address indexed to, uint256 amount);
    /// @notice A manager was proposed.
    event ManagerProposed(
        uint256 indexed motionId, address indexed candidate, address indexed proposer, uint40 endsAt
    );
    /// @notice Shares were counted in favour of a motion.
    event VoteCast(uint256 indexed motionId, address indexed voter, uint256 votes);
    /// @notice Who runs the asset from now on.
    event ManagerChanged(address indexed oldManager, address indexed newManager);
    /// @notice The manager consented to the binding of a meter. @param digest what counts as signed by the vault
    event BindingConsented(bytes32 indexed digest, uint256 indexed assetId, uint32 indexed meterId);
    /// @notice All shares were redeemed or sold.
    /// @param holdersDue units of the account that go to the holders before its owner gets any
    event VaultEnded(VaultStatus status, address indexed owner, uint256 holdersDue);

    /* ERRORS */

    /// @notice A field must not be zero.
    error ZeroVaultField(bytes32 field);
    /// @notice The call needs another standing of the vault.
    error WrongStatus(VaultStatus given, VaultStatus allowed);
    /// @notice Only `allowed` may do this.
    error NotAllowed(address caller, address allowed);
    /// @notice Shares are not for the vault itself, and end as receipts after a sale.
    error NotTransferable(address to);
    /// @notice The caller holds fewer than all shares.
    error NotAllShares(uint256 given, uint256 required);
    /// @notice Nothing is there to be paid out.
    error NothingToClaim(address holder);
    /// @notice An offer must beat the one that stands.
    error OfferTooLow(uint256 given, uint256 lowest);
    /// @notice Too few votes. @param required shares
    error TooFewVotes(uint256 given, uint256 required);
    /// @notice No such motion, or it is no longer open.
    error MotionNotOpen(uint256 motionId);
    /// @notice The account has voted on it, or had no votes then.
    error NoVotes(uint256 motionId, address voter);
    /// @notice Votes count until `endsAt`.
    error VoteEnded(uint256 given, uint256 endsAt);
    /// @notice The offer stands until `endsAt`.
    error VoteNotEnded(uint256 given, uint256 endsAt);
    /// @notice An accepted offer is to be closed first.
    error OfferAccepted(uint256 motionId);
    /// @notice The meter is not the vault's.
    error MeterNotOurs(uint32 meterId, address meterOwner);
    /// @notice The holders are to be paid first what stood in the account at the sale.
    error HoldersComeFirst(uint256 due);

    /* FOUNDER */

    /// @notice Lock an asset and get all shares. The asset is the founder's, approved for the vault, or has been
    /// registered for the vault itself.
    function lock(uint256 assetId) external;

    /* EVERYBODY */

    /// @notice Bring in what is new and divide it. Money: free money of the account beyond the reserve, and whatever
    /// else has arrived here; an account with arrears gives none. Certificates: what settlement has credited.
    /// After the end, or once the market is wound down: all free money, and the security deposit once it is free.
    /// @return amount units divided or assigned
    function collect(Revenue kind) external returns (uint256 amount);

    /// @notice Pay a holder, former holder or owner what is his. By anybody.
    function claim(Revenue kind, address holder) external returns (uint256 amount);

    /// @notice As `claim`, of the caller's own, to another address.
    function claimTo(Revenue kind, address to) external returns (uint256 amount);

    /// @notice Offer a price for all shares; the tokens are taken now. Replaces an offer that is at least 5 % lower.
    /// @param amount units to transfer from the caller; what arrives is the offer
    function offer(uint256 amount) external returns (uint256 motionId);

    /// @notice After its time: sell if holders of 75 % of all shares voted for the offer, else end it.
    function closeOffer() external returns (bool sold);

    /// @notice Take back the escrow of offers that have ended.
    function takeRefund(address to) external returns (uint256 amount);

    /* HOLDERS */

    /// @notice Propose another manager; with 1 % of all votes.
    function proposeManager(address candidate) external returns (uint256 motionId);

    /// @notice Vote for a motion with all votes of one second before it was put. There is no vote against: all shares
    /// count, and those that are silent do not agree.
    function vote(uint256 motionId) external returns (uint256 votes);

    /// @notice Make the candidate manager once more than half of all shares are for it. By anybody.
    function enactManager(uint256 motionId) external;

    /// @notice With all shares: burn them and become the owner of the asset and of all that the account holds.
    function redeem() external;

    /* MANAGER (after the end: the owner) */

    /// @notice Name the key that places and cancels orders of the account (`IEnergyMarket.nameDelegate`); it can
    /// never withdraw. After a sale only once the holders have been paid.
    function nameDelegate(address delegate) external;

    /// @notice Post what is missing of the security deposit out of the account's free money.
    function postSecurity() external;

    /// @notice Let a meter of the vault be bound to its asset. The only thing that counts as signed by this contract.
    /// @param spec of an asset to be registered; ignored once one is locked
    /// @return digest that `isValidSignature` accepts, as long as this manager is manager
    function consentToBinding(AssetSpec calldata spec, uint32 meterId, uint40 deadline)
        external
        returns (bytes32 digest);

    /// @notice Grant or end a permission of the asset (`IEnergyAssets.setPermission`).
    function setPermission(AssetPermission permission, address account, uint40 expiresAt) external;

    /* OWNER, after the end */

    /// @notice Transfer the asset, or another one that somebody has sent here, to `to`. `MeterStillEarns` as long as
    /// its meter is in use.
    function takeAsset(uint256 assetId, address to) external;

    /* VIEWS */

    /// @notice ERC-1271: only digests of `consentToBinding` are valid, whatever the signature says, and only while who
    /// consented is manager.
    function isValidSignature(bytes32 digest, bytes calldata signature)
        external
        view
        returns (bytes4);

    /// @notice Standing of the vault.
    function status() external view returns (VaultStatus);

    /// @notice The locked asset; 0 if none yet. Stays after the end.
    function assetId() external view returns (uint256);

    /// @notice Who may lock an asset.
    function founder() external view returns (address);

    /// @notice Owner of asset and account after the end; zero before.
    function owner() external view returns (address);

    /// @notice Who runs the asset; after the end its owner.
    function manager() external view returns (address);

    /// @notice As fixed by the founder, with the manager of now.
    function terms() external view returns (VaultTerms memory);

    /// @notice Units credited to shares and owner ever, and units paid out of them.
    function revenueOf(Revenue kind) external view returns (uint256 received, uint256 paid);

    /// @notice Units a holder can claim.
    function claimable(Revenue kind, address holder) external view returns (uint256 amount);

    /// @notice After a sale: units of the account that still go to the holders first.
    function holdersDue() external view returns (uint256);

    /// @notice The offer that stands, or waits to be closed; 0 if none.
    function openOffer() external view returns (uint256 motionId);

    /// @notice A motion by its number, from 1.
    function motion(uint256 motionId) external view returns (Motion memory);

    /// @notice Units a bidder can take back.
    function refundOf(address bidder) external view returns (uint256);
}
