// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IAssetRegister} from "../interfaces/IAssetRegister.sol";
import {IEnergyAssets} from "../interfaces/IEnergyAssets.sol";
import {AssetTypedData} from "../libraries/AssetTypedData.sol";
import {SLOT_SECONDS} from "../libraries/MeterConstants.sol";
import {Asset, AssetSpec, MeterBinding} from "../types/Assets.sol";
import {MeterInfo, MeterStatus} from "../types/MeterInfo.sol";
import {MeterKind} from "../types/Metering.sol";
import {AssetBase} from "./AssetBase.sol";

/// @title Which meter measures which asset, and when
/// @notice Part of `EnergyAssetNFT`. Bindings of generating assets never overlap: neither those of an asset nor those
/// of the meters of an account. A meter has one account for ever, so each of its slots counts for at most one asset.
abstract contract AssetMeters is IAssetRegister, AssetBase {
    /// @dev The generating asset of an account, and the first slot that no former one has taken.
    struct Generator {
        uint224 assetId;
        uint32 freeFromSlot;
    }

    uint256 private constant MAX_BINDINGS = 64;

    mapping(address account => Generator) private _generators;

    /* RESTRICTED FUNCTIONS */

    /// @inheritdoc IEnergyAssets
    function bindMeter(uint256 assetId, uint32 meterId, uint40 deadline, bytes calldata consent)
        external
        restricted
    {
        address owner = _requireOwned(assetId);
        Asset memory asset = _assets[assetId];
        if (asset.meterId != 0) revert AlreadyBound(assetId, asset.meterId);
        if (_bindings[assetId].length == MAX_BINDINGS) {
            revert TooManyBindings(assetId, MAX_BINDINGS);
        }
        MeterInfo memory meter = METERS.meterInfo(meterId);
        if (meter.owner != owner) revert MeterOfAnother(meterId, meter.owner, owner);
        _useConsent(assetId, asset.spec, meterId, owner, deadline, consent);

        _bind(assetId, asset, meterId, meter);
    }

    /// @inheritdoc IEnergyAssets
    function releaseMeter(uint256 assetId) external restricted {
        uint32 meterId = _assets[assetId].meterId;
        if (meterId == 0) revert NotBound(assetId);
        MeterInfo memory meter = METERS.meterInfo(meterId);
        _release(assetId, meterId, meter);
    }

    /* VIEWS */

    /// @inheritdoc IAssetRegister
    /// @dev Behind a PRODUCTION meter stands its owner's connection. A meter is bound with its owner's consent, and he
    /// is the asset's owner as long as the binding lasts. `meterId` is 0 while the asset has no meter.
    function bindingOf(uint256 assetId) external view returns (address owner, uint32 meterId) {
        owner = _requireOwned(assetId);
        meterId = _assets[assetId].meterId;
        if (meterId != 0 && METERS.meterInfo(meterId).kind == MeterKind.PRODUCTION) {
            (meterId,) = METERS.metersOf(owner);
        }
    }

    /// @inheritdoc IEnergyAssets
    function bindingsOf(uint256 assetId) external view returns (MeterBinding[] memory) {
        return _bindings[assetId];
    }

    /// @inheritdoc IEnergyAssets
    function generatorOf(address account) external view returns (uint256 assetId) {
        return _generators[account].assetId;
    }

    /// @inheritdoc IEnergyAssets
    function consentDigest(
        uint256 assetId,
        AssetSpec calldata spec,
        uint32 meterId,
        uint40 deadline
    ) external view returns (bytes32) {
        address owner = METERS.meterInfo(meterId).owner;
        return _consentDigest(assetId, spec, meterId, owner, nonces(owner), deadline);
    }

    /* INTERNAL */

    /// @dev Bind an asset without a meter. Warning: the caller has checked owner and consent.
    function _bind(uint256 assetId, Asset memory asset, uint32 meterId, MeterInfo memory meter)
        internal
    {
        // Check
        if (meter.status != MeterStatus.ACTIVE) revert MeterNotInUse(meterId, meter.status);
        uint256 from = Math.max(
            Math.max(meter.firstSlot, asset.freeFromSlot),
            Math.ceilDiv(asset.spec.commissionedAt, SLOT_SECONDS)
        );
        if (_generates(asset.spec.kind)) {
            Generator storage generator = _generators[meter.owner];
            if (meter.kind == MeterKind.CONNECTION_WITH_STORAGE) {
                revert ExportProvesNothing(meterId);
            }
            if (generator.assetId != 0) {
                revert AccountHasGenerator(meter.owner, generator.assetId);
            }
            from = Math.max(from, generator.freeFromSlot);
            // Ids count up from 1.
            generator.assetId = uint224(assetId);
        } else if (meter.kind == MeterKind.PRODUCTION) {
            revert NotAConnectionMeter(meterId);
        }

        // Effect. Slots are times below 2^40 / 900, which fit 32 bits.
        _assets[assetId].meterId = meterId;
        _bindings[assetId].push(MeterBinding(meterId, uint32(from), 0));
        emit MeterBound(assetId, meterId, uint32(from));
        _changed(assetId);
    }

    /// @dev End the binding if the meter was removed; refuse if it may still earn for its owner.
    function _leaveMeter(uint256 assetId) internal {
        uint32 meterId = _assets[assetId].meterId;
        if (meterId == 0) return;
        MeterInfo memory meter = METERS.meterInfo(meterId);
        if (meter.status != MeterStatus.DEACTIVATED) {
            revert MeterStillEarns(assetId, meterId, meter.owner);
        }
        _release(assetId, meterId, meter);
    }

    /// @dev First slot that a removed meter did not measure.
    function _endOfRecord(uint32 meterId) internal view returns (uint256) {
        return HISTORY.latestReading(meterId).timestamp / SLOT_SECONDS;
    }

    /// @dev The owner of the meter has signed exactly this. Each consent serves once.
    function _useConsent(
        uint256 assetId,
        AssetSpec memory spec,
        uint32 meterId,
        address owner,
        uint40 deadline,
        bytes calldata consent
    ) internal {
        if (block.timestamp > deadline) revert ConsentExpired(block.timestamp, deadline);
        bytes32 digest =
            _consentDigest(assetId, spec, meterId, owner, _useNonce(owner), deadline);
        if (!SignatureChecker.isValidSignatureNowCalldata(owner, digest, consent)) {
            revert ConsentInvalid(owner);
        }
    }

    function _release(uint256 assetId, uint32 meterId, MeterInfo memory meter) private {
        MeterBinding[] storage bindings = _bindings[assetId];
        MeterBinding storage binding = bindings[bindings.length - 1];
        uint256 end = meter.status == MeterStatus.DEACTIVATED
            ? _endOfRecord(meterId)
            : block.timestamp / SLOT_SECONDS + 1;
        // Never before it began; a slot fits 32 bits.
        uint32 toSlot = uint32(Math.max(end, binding.fromSlot));

        binding.toSlot = toSlot;
        Asset storage asset = _assets[assetId];
        (asset.meterId, asset.freeFromSlot) = (0, toSlot);
        if (_generates(asset.spec.kind)) _generators[meter.owner] = Generator(0, toSlot);
        emit MeterReleased(assetId, meterId, toSlot);
        _changed(assetId);
    }

    function _consentDigest(
        uint256 assetId,
        AssetSpec memory spec,
        uint32 meterId,
        address owner,
        uint256 nonce,
        uint40 deadline
    ) private view returns (bytes32) {
        return _hashTypedDataV4(
            AssetTypedData.hashBinding(assetId, spec, meterId, owner, nonce, deadline)
        );
    }
}
