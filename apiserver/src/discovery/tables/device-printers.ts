import type { DeviceClass, ResourceV1ResourceClaim, ResourceClaimTemplate, ResourceSlice } from '@slipway/api/types';
import { age, nameOf } from './cells.ts';
import { definePrinter } from './printer.ts';

export const deviceClassPrinter = definePrinter<DeviceClass>(['Name', 'Age'], (deviceClass, nowMs) => [
  nameOf(deviceClass),
  age(deviceClass, nowMs),
]);

export const resourceClaimTemplatePrinter = definePrinter<ResourceClaimTemplate>(['Name', 'Age'], (template, nowMs) => [
  nameOf(template),
  age(template, nowMs),
]);

export const resourceClaimPrinter = definePrinter<ResourceV1ResourceClaim>(['Name', 'State', 'Age'], (claim, nowMs) => [
  nameOf(claim),
  claimState(claim),
  age(claim, nowMs),
]);

function claimState({ metadata, status }: ResourceV1ResourceClaim): string {
  const states = metadata.deletionTimestamp === undefined ? [] : ['deleted'];
  if (!status?.allocation) return metadata.deletionTimestamp === undefined ? 'pending' : states.join(',');
  states.push('allocated');
  if (status.reservedFor?.length) states.push('reserved');
  return states.join(',');
}

export const resourceSlicePrinter = definePrinter<ResourceSlice>(
  ['Name', 'Node', 'Driver', 'Pool', 'Age'],
  (slice, nowMs) => {
    const { nodeName, driver, pool } = slice.spec;
    return [nameOf(slice), nodeName ?? '<unset>', driver, pool.name, age(slice, nowMs)];
  },
);
