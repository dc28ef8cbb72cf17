// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IAssetShares} from "../interfaces/IAssetShares.sol";
import {Motion, Revenue, VaultStatus} from "../types/AssetShares.sol";
import {AccountState} from "../types/Settlement.sol";
import {ShareRevenue} from "./ShareRevenue.sol";

/// @title What holders decide together
/// @notice Part of `AssetShares`. Votes are those of the second before a motion was put: shares borrowed for a
/// transaction have none.
abstract contract ShareMotions is ShareRevenue {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    uint256 private constant BPS = 10_000;
    /// @dev 7 days.
    uint256 private constant WINDOW = 7 days;
    /// @dev 75 % of all shares sell.
    uint256 private constant SALE_BPS = 7_500;
    /// @dev 1 % of all shares propose a manager.
    uint256 private constant PROPOSER_BPS = 100;
    /// @dev 5 %, rounded up, more than the offer that stands.
    uint256 private constant OVERBID_BPS = 500;

    uint256 private _motionCount;
    /// @dev See `openOffer`.
    uint256 private _openOffer;
    mapping(uint256 motionId => Motion) private _motions;
    mapping(uint256 motionId => mapping(address voter => bool)) private _hasVoted;
    mapping(address bidder => uint256) private _refunds;

    /* OFFERS */

    /// @inheritdoc IAssetShares
    function offer(uint256 amount) external nonReentrant returns (uint256 motionId) {
        // Check
        _requireStatus(VaultStatus.OPEN);
        uint256 former = _openOffer;
        uint256 lowest = former == 0 ? 1 : _lowestAfter(former);

        // Interaction: first, because only the change of our balance says what arrived.
        uint256 balanceBefore = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        uint256 arrived = TOKEN.balanceOf(address(this)) - balanceBefore;
        if (arrived < lowest) revert OfferTooLow(arrived, lowest);

        // Effect
        if (former != 0) _endOffer();
        _escrowed += arrived;
        motionId = _put(msg.sender, arrived);
        _openOffer = motionId;
        emit OfferMade(motionId, msg.sender, arrived, _motions[motionId].endsAt);
    }

    /// @inheritdoc IAssetShares
    function closeOffer() external nonReentrant returns (bool sold) {
        // Check
        _requireStatus(VaultStatus.OPEN);
        uint256 motionId = _openOffer;
        if (motionId == 0) revert MotionNotOpen(0);
        Motion memory offered = _motions[motionId];
        if (block.timestamp < offered.endsAt) {
            revert VoteNotEnded(block.timestamp, offered.endsAt);
        }
        sold = _isAccepted(offered);
        if (!sold) {
            _endOffer();
            return sold;
        }

        // Effect: what is here already is the holders', then the price, then what stands in the account.
        _divideSurplus(Revenue.MONEY);
        _divideSurplus(Revenue.CERTIFICATES);
        _openOffer = 0;
        _escrowed -= offered.amount;
        _creditShares(Revenue.MONEY, offered.amount);
        AccountState memory account = SETTLEMENT.accountState(address(this));
        (, uint256 due) =
            Math.trySub(account.free + account.locked + account.security, account.arrears);
        _end(VaultStatus.SOLD, offered.subject, due);
    }

    /// @inheritdoc IAssetShares
    function takeRefund(address to) external nonReentrant returns (uint256 amount) {
        // Check
        if (to == address(this)) revert NotTransferable(to);
        amount = _refunds[msg.sender];
        if (amount == 0) revert NothingToClaim(msg.sender);

        // Effect
        delete _refunds[msg.sender];
        _escrowed -= amount;
        emit RefundPaid(msg.sender, to, amount);

        // Interaction
        TOKEN.safeTransfer(to, amount);
    }

    /// @inheritdoc IAssetShares
    function redeem() external nonReentrant {
        // Check
        _requireStatus(VaultStatus.OPEN);
        uint256 shares = balanceOf(msg.sender);
        if (shares != SHARES) revert NotAllShares(shares, SHARES);

        // Effect
        if (_openOffer != 0) _endOffer();
        _burn(msg.sender, shares);
        _end(VaultStatus.REDEEMED, msg.sender, 0);
    }

    /* MANAGER */

    /// @inheritdoc IAssetShares
    function proposeManager(address candidate) external returns (uint256 motionId) {
        // Check
        _requireStatus(VaultStatus.OPEN);
        if (candidate == address(0)) revert ZeroVaultField("candidate");
        uint256 votes = getPastVotes(msg.sender, block.timestamp - 1);
        uint256 required = Math.ceilDiv(SHARES * PROPOSER_BPS, BPS);
        if (votes < required) revert TooFewVotes(votes, required);

        // Effect
        motionId = _put(candidate, 0);
        emit ManagerProposed(motionId, candidate, msg.sender, _motions[motionId].endsAt);
    }

    /// @inheritdoc IAssetShares
    function enactManager(uint256 motionId) external {
        // Check
        Motion storage proposed = _openMotion(motionId);
        if (proposed.amount != 0) revert MotionNotOpen(motionId);
        uint256 required = SHARES / 2 + 1;
        if (proposed.votes < required) revert TooFewVotes(proposed.votes, required);

        // Effect: once.
        proposed.endsAt = uint40(block.timestamp);
        _setManager(proposed.subject);
    }

    /* VOTING */

    /// @inheritdoc IAssetShares
    function vote(uint256 motionId) external returns (uint256 votes) {
        // Check
        Motion storage put = _openMotion(motionId);
        votes = getPastVotes(msg.sender, put.snapshot);
        if (votes == 0 || _hasVoted[motionId][msg.sender]) revert NoVotes(motionId, msg.sender);

        // Effect: all votes together are not more than there are shares.
        _hasVoted[motionId][msg.sender] = true;
        put.votes += uint96(votes);
        emit VoteCast(motionId, msg.sender, votes);
    }

    /* VIEWS */

    /// @inheritdoc IAssetShares
    function openOffer() external view returns (uint256 motionId) {
        return _openOffer;
    }

    /// @inheritdoc IAssetShares
    function motion(uint256 motionId) external view returns (Motion memory) {
        return _motions[motionId];
    }

    /// @inheritdoc IAssetShares
    function refundOf(address bidder) external view returns (uint256) {
        return _refunds[bidder];
    }

    /* INTERNAL */

    function _put(address subject, uint256 amount) private returns (uint256 motionId) {
        motionId = ++_motionCount;
        // Times fit 40 bits for 34,000 years.
        _motions[motionId] = Motion({
            subject: subject,
            amount: amount.toUint128(),
            snapshot: uint40(block.timestamp - 1),
            endsAt: uint40(block.timestamp + WINDOW),
            votes: 0
        });
    }

    /// @dev The offer that stands comes to nothing. Its escrow stays in `_escrowed` until it is taken back.
    function _endOffer() private {
        uint256 motionId = _openOffer;
        Motion storage offered = _motions[motionId];
        (address bidder, uint256 amount) = (offered.subject, offered.amount);
        _openOffer = 0;
        _refunds[bidder] += amount;
        emit OfferEnded(motionId, bidder, amount);
    }

    /// @dev Least amount that may take the place of an offer; one that has failed stands in nobody's way.
    function _lowestAfter(uint256 motionId) private view returns (uint256) {
        Motion memory offered = _motions[motionId];
        if (block.timestamp >= offered.endsAt) {
            if (_isAccepted(offered)) revert OfferAccepted(motionId);
            return 1;
        }
        return offered.amount + Math.ceilDiv(offered.amount * OVERBID_BPS, BPS);
    }

    /// @dev A motion that can still be voted on. An offer that was outbid cannot.
    function _openMotion(uint256 motionId) private view returns (Motion storage put) {
        _requireStatus(VaultStatus.OPEN);
        put = _motions[motionId];
        if (put.subject == address(0) || (put.amount != 0 && motionId != _openOffer)) {
            revert MotionNotOpen(motionId);
        }
        if (block.timestamp >= put.endsAt) revert VoteEnded(block.timestamp, put.endsAt);
    }

    function _isAccepted(Motion memory offered) private view returns (bool) {
        return offered.votes * BPS >= SHARES * SALE_BPS;
    }
}
