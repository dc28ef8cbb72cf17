// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IAssetRegister} from "../interfaces/IAssetRegister.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {IResourceRegister} from "../interfaces/IResourceRegister.sol";
import {IdList, IdListLib} from "../libraries/IdLists.sol";
import {SLOTS_PER_DAY} from "../libraries/MeterConstants.sol";
import {ResourceWords, ResourceWordsLib} from "../libraries/ResourceWords.sol";
import {
    NewResource,
    Resource,
    ResourceClass,
    ResourceRatings,
    ResourceState
} from "../types/GridResources.sol";
import {MeterInfo, MeterStatus} from "../types/MeterInfo.sol";
import {MeterKind} from "../types/Metering.sol";

/// @title Distributed energy resources
/// @notice Part of `GridManagement`; see `IResourceRegister`.
abstract contract ResourceRegister is IResourceRegister, AccessManaged {
    mapping(uint256 resourceId => ResourceWords) private _resources;
    mapping(uint256 resourceId => uint256) private _assets;
    mapping(uint256 meterId => IdList) private _ofMeter;
    uint32 private _resourceCount;

    /* OWNERS */

    /// @inheritdoc IResourceRegister
    function registerResource(NewResource calldata resource)
        external
        returns (uint32 resourceId)
    {
        // Check
        uint256 assetId = resource.assetId;
        (uint32 meterId, MeterInfo memory meter) = _ownBinding(resource.meterId, assetId);
        ResourceRatings memory ratings = resource.ratings;
        IdList list = _ofMeter[meterId];
        uint256 count = list.length();
        if (count == IdListLib.LONGEST) revert TooManyResources(meterId, IdListLib.LONGEST);
        _check(resource.kind, ratings, meterId, meter, 0);

        // Effect
        resourceId = ++_resourceCount;
        _resources[resourceId] = ResourceWords({
            identity: ResourceWordsLib.packIdentity(
                msg.sender,
                meterId,
                meter.zone,
                resource.kind,
                ResourceState.ACTIVE,
                assetId != 0
            ),
            ratings: ResourceWordsLib.packRatings(ratings, block.timestamp)
        });
        if (assetId != 0) _assets[resourceId] = assetId;
        _ofMeter[meterId] = list.withAdded(resourceId, count);
        emit ResourceRegistered(
            resourceId,
            meterId,
            msg.sender,
            meter.zone,
            resource.kind,
            assetId,
            ratings
        );
    }

    /// @inheritdoc IResourceRegister
    function changeResource(uint32 resourceId, ResourceRatings calldata ratings) external {
        // Check
        ResourceWords memory words = _ownWords(resourceId);
        uint256 assetId = _assets[resourceId];
        (uint32 meterId, MeterInfo memory meter) =
            _ownBinding(assetId == 0 ? words.meterId() : 0, assetId);
        if (meterId != words.meterId()) revert AssetMoved(assetId, meterId, words.meterId());
        if (meter.zone != words.zone()) revert MeterMoved(meterId, meter.zone, words.zone());
        ResourceRatings memory newRatings = ratings;
        _check(words.kind(), newRatings, meterId, meter, resourceId);

        // Effect
        _resources[resourceId].ratings = ResourceWordsLib.packRatings(newRatings, block.timestamp);
        emit ResourceChanged(resourceId, words.unpackRatings(), newRatings);
    }

    /// @inheritdoc IResourceRegister
    function withdrawResource(uint32 resourceId) external {
        _takeOut(resourceId, _ownWords(resourceId));
    }

    /* RESTRICTED FUNCTIONS */

    /// @inheritdoc IResourceRegister
    function freezeResource(uint32 resourceId) external restricted {
        _move(resourceId, ResourceState.ACTIVE, ResourceState.FROZEN);
        emit ResourceFrozen(resourceId);
    }

    /// @inheritdoc IResourceRegister
    function unfreezeResource(uint32 resourceId) external restricted {
        _move(resourceId, ResourceState.FROZEN, ResourceState.ACTIVE);
        emit ResourceUnfrozen(resourceId);
    }

    /// @inheritdoc IResourceRegister
    function removeResource(uint32 resourceId) external restricted {
        ResourceWords memory words = _known(resourceId);
        if (words.state() == ResourceState.WITHDRAWN) {
            revert ResourceNotInState(resourceId, ResourceState.WITHDRAWN, ResourceState.ACTIVE);
        }
        _takeOut(resourceId, words);
    }

    /* VIEWS */

    /// @inheritdoc IResourceRegister
    function resourceOf(uint32 resourceId) external view returns (Resource memory) {
        return _resource(resourceId);
    }

    /// @inheritdoc IResourceRegister
    function isAvailable(uint32 resourceId, uint32 slot) external view returns (bool) {
        Resource memory resource = _resource(resourceId);
        if (!resource.isActive) return false;
        uint256 quarter = slot % SLOTS_PER_DAY;
        uint256 from = resource.availableFrom;
        uint256 to = resource.availableTo;
        if (from == to) return true;
        return from < to ? quarter >= from && quarter < to : quarter >= from || quarter < to;
    }

    /// @inheritdoc IResourceRegister
    function resourceCount() external view returns (uint32) {
        return _resourceCount;
    }

    /// @inheritdoc IResourceRegister
    function resourcesOfMeter(uint32 meterId) external view returns (uint32[] memory ids) {
        IdList list = _ofMeter[meterId];
        ids = new uint32[](list.length());
        for (uint256 i; i < ids.length; ++i) {
            ids[i] = list.at(i);
        }
    }

    /* INTERNAL: NEIGHBOURS */

    /// @dev The register of meters.
    function _meterRegistry() internal view virtual returns (IMeterRegistry);

    /// @dev The register of assets; zero if there is none.
    function _assetRegister() internal view virtual returns (IAssetRegister);

    /* INTERNAL */

    /// @dev A resource and whether it counts now.
    function _resource(uint32 resourceId) internal view returns (Resource memory) {
        ResourceWords memory words = _known(resourceId);
        uint256 assetId = words.hasAsset() ? _assets[resourceId] : 0;
        return words.unpack(assetId, _counts(words, assetId));
    }

    /// @dev Whether the register says so and the binding still holds.
    function _counts(ResourceWords memory words, uint256 assetId) private view returns (bool) {
        if (words.state() != ResourceState.ACTIVE) return false;
        MeterInfo memory meter = _meterRegistry().meterInfo(words.meterId());
        if (meter.status != MeterStatus.ACTIVE || meter.zone != words.zone()) return false;
        if (assetId == 0) return meter.owner == words.owner();
        try _assetRegister().bindingOf(assetId) returns (address owner, uint32 meterId) {
            return owner == words.owner() && meterId == words.meterId();
        } catch {
            return false;
        }
    }

    function _known(uint32 resourceId) private view returns (ResourceWords memory words) {
        words = _resources[resourceId];
        if (words.identity == 0) revert UnknownResource(resourceId);
    }

    /// @dev Words of the caller's resource, which is not frozen or withdrawn.
    function _ownWords(uint32 resourceId) private view returns (ResourceWords memory words) {
        words = _known(resourceId);
        if (words.owner() != msg.sender) revert NotResourceOwner(msg.sender, words.owner());
        if (words.state() != ResourceState.ACTIVE) {
            revert ResourceNotInState(resourceId, words.state(), ResourceState.ACTIVE);
        }
    }

    /// @dev The caller's meter, directly or by an asset: an active connection.
    function _ownBinding(uint32 givenMeterId, uint256 assetId)
        private
        view
        returns (uint32 meterId, MeterInfo memory meter)
    {
        meterId = givenMeterId;
        if ((meterId == 0) == (assetId == 0)) revert BindingNotSingle(meterId, assetId);
        if (assetId != 0) {
            IAssetRegister assets = _assetRegister();
            if (address(assets) == address(0)) revert NoAssetRegister(assetId);
            address owner;
            (owner, meterId) = assets.bindingOf(assetId);
            if (owner != msg.sender) revert NotAssetOwner(msg.sender, owner);
        }
        meter = _meterRegistry().meterInfo(meterId);
        if (assetId == 0 && meter.owner != msg.sender) {
            revert NotMeterOwner(msg.sender, meter.owner);
        }
        if (meter.status != MeterStatus.ACTIVE) revert MeterOutOfUse(meterId, meter.status);
        if (meter.kind == MeterKind.PRODUCTION) revert NotAConnection(meterId);
    }

    /// @dev Ratings make sense, and the connection carries them beside its other resources; frozen ones keep their place.
    /// @param exceptId the resource that these ratings are to replace; 0 if none
    function _check(
        ResourceClass kind,
        ResourceRatings memory ratings,
        uint32 meterId,
        MeterInfo memory meter,
        uint32 exceptId
    ) private view {
        uint256 importW = ratings.ratedImportW;
        uint256 exportW = ratings.ratedExportW;
        bool feedsBack = kind == ResourceClass.BATTERY || (kind == ResourceClass.EV && exportW != 0);
        if (feedsBack && meter.kind != MeterKind.CONNECTION_WITH_STORAGE) {
            revert StorageNotDeclared(meterId);
        }
        _checkRatings(ratings, Math.max(importW, exportW));
        IdList list = _ofMeter[meterId];
        for (uint256 i; i < IdListLib.LONGEST; ++i) {
            uint32 id = list.at(i);
            if (id == 0) break;
            if (id == exceptId) continue;
            ResourceWords memory words = _resources[id];
            importW += words.ratedImportW();
            exportW += words.ratedExportW();
        }
        if (importW > meter.ratedImportW) {
            revert ImportAboveConnection(importW, meter.ratedImportW);
        }
        if (exportW > meter.ratedExportW) {
            revert ExportAboveConnection(exportW, meter.ratedExportW);
        }
    }

    function _checkRatings(ResourceRatings memory ratings, uint256 larger) private pure {
        if (larger == 0) revert NoPower();
        _checkLimit("ratedW", larger, ResourceWordsLib.MAX_RATED_W);
        _checkLimit("ratedVa", ratings.ratedVa, ResourceWordsLib.MAX_RATED_VA);
        _checkLimit("rampWPerSecond", ratings.rampWPerSecond, ResourceWordsLib.MAX_RATED_W);
        if (ratings.ratedVa != 0 && ratings.ratedVa < larger) {
            revert ApparentBelowActive(ratings.ratedVa, larger);
        }
        uint256 latest = Math.max(ratings.availableFrom, ratings.availableTo);
        if (latest >= SLOTS_PER_DAY) revert QuarterOutOfRange(latest, SLOTS_PER_DAY - 1);
    }

    function _checkLimit(bytes32 field, uint256 given, uint256 allowed) private pure {
        if (given > allowed) revert RatingAboveLimit(field, given, allowed);
    }

    function _move(uint32 resourceId, ResourceState from, ResourceState to) private {
        ResourceWords memory words = _known(resourceId);
        if (words.state() != from) revert ResourceNotInState(resourceId, words.state(), from);
        _resources[resourceId].identity = ResourceWordsLib.identityIn(words.identity, to);
    }

    function _takeOut(uint32 resourceId, ResourceWords memory words) private {
        uint32 meterId = words.meterId();
        _resources[resourceId].identity =
            ResourceWordsLib.identityIn(words.identity, ResourceState.WITHDRAWN);
        _ofMeter[meterId] = _ofMeter[meterId].without(resourceId);
        emit ResourceWithdrawn(resourceId, meterId, msg.sender);
    }
}
