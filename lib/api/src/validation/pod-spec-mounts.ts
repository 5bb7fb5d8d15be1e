import type { Container, VolumeMount } from '../types.ts';
import { type FieldError, forbidden, invalid, notFound, notSupported, required } from './field-error.ts';
import { validateDescendingPath } from './path.ts';
import type { PodScope } from './pod-spec-scope.ts';

const propagations = ['Bidirectional', 'HostToContainer', 'None'];
const recursiveModes = ['Disabled', 'Enabled', 'IfPossible'];

export function validateMounts(errors: FieldError[], container: Container, path: string, scope: PodScope): void {
  const mountPaths = new Set<string>();
  const devices = container.volumeDevices ?? [];
  container.volumeMounts?.forEach((mount, i) => {
    const at = `${path}[${i}]`;
    const { name = '', mountPath = '' } = mount;
    if (name === '') errors.push(required(`${at}.name`));
    const volume = scope.volumes.get(name);
    if (!volume) errors.push(notFound(`${at}.name`, name));
    if (mountPath === '') errors.push(required(`${at}.mountPath`));
    if (mountPaths.has(mountPath)) errors.push(invalid(`${at}.mountPath`, mountPath, 'must be unique'));
    mountPaths.add(mountPath);
    for (const device of devices) {
      if (device.name === name) errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeDevices'));
      if (device.devicePath === mountPath) {
        errors.push(invalid(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'));
      }
    }
    validateSubPaths(errors, mount, path, at, volume?.image !== undefined);
    validateModes(errors, mount, container, path);
  });
}

/** Upstream says some of these of the list, not of its item; so do we. */
function validateSubPaths(errors: FieldError[], mount: VolumeMount, list: string, at: string, isImage: boolean): void {
  const { subPath, subPathExpr } = mount;
  if (isImage) {
    const detail = 'not allowed in image volume sources';
    if (subPath) errors.push(invalid(`${at}.subPath`, subPath, detail));
    if (subPathExpr) errors.push(invalid(`${at}.subPathExpr`, subPathExpr, detail));
  }
  if (subPath) validateDescendingPath(errors, subPath, `${list}.subPath`);
  if (!subPathExpr) return;
  if (subPath) {
    errors.push(invalid(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
  }
  validateDescendingPath(errors, subPathExpr, `${list}.subPathExpr`);
}

function validateModes(errors: FieldError[], mount: VolumeMount, container: Container, list: string): void {
  const { mountPropagation: propagation, recursiveReadOnly: recursive } = mount;
  if (propagation !== undefined) {
    const at = `${list}.mountPropagation`;
    if (!propagations.includes(propagation)) errors.push(notSupported(at, propagation, propagations));
    if (propagation === 'Bidirectional' && !container.securityContext?.privileged) {
      errors.push(forbidden(at, 'Bidirectional mount propagation is available only to privileged containers'));
    }
  }
  if (recursive === undefined || recursive === 'Disabled') return;
  const at = `${list}.recursiveReadOnly`;
  if (!recursiveModes.includes(recursive)) {
    errors.push(notSupported(at, recursive, recursiveModes));
    return;
  }
  if (!mount.readOnly) errors.push(forbidden(at, 'may only be specified when readOnly is true'));
  if (propagation !== undefined && propagation !== 'None') {
    errors.push(forbidden(at, 'may only be specified when mountPropagation is None or not specified'));
  }
}

export function validateDevices(errors: FieldError[], container: Container, path: string, scope: PodScope): void {
  const names = new Set<string>();
  const paths = new Set<string>();
  const mounts = container.volumeMounts ?? [];
  container.volumeDevices?.forEach(({ name = '', devicePath = '' }, i) => {
    const at = `${path}[${i}]`;
    const volume = scope.volumes.get(name);
    if (name === '') errors.push(required(`${at}.name`));
    if (names.has(name)) errors.push(invalid(`${at}.name`, name, 'must be unique'));
    if (!volume) errors.push(notFound(`${at}.name`, name));
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      const detail = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      errors.push(invalid(`${at}.name`, name, detail));
    }
    if (devicePath === '') errors.push(required(`${at}.devicePath`));
    if (paths.has(devicePath)) errors.push(invalid(`${at}.devicePath`, devicePath, 'must be unique'));
    if (devicePath.split('/').includes('..')) {
      errors.push(invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    } else paths.add(devicePath);
    for (const mount of mounts) {
      if (mount.name === name) errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeMounts'));
      if (mount.mountPath === devicePath) {
        errors.push(invalid(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'));
      }
    }
    if (name) names.add(name);
  });
}
