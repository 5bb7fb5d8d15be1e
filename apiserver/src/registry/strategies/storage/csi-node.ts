import { qualifiedNameProblems } from '@slipway/api/names';
import type { CSINode, CSINodeDriver } from '@slipway/api/types';
import { validateNonNegative } from '@slipway/api/validation/counts';
import { type FieldError, duplicate, invalid, pushInvalid, required } from '@slipway/api/validation/field-error';
import { validateDriverName } from '@slipway/api/validation/network-disks';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

const nodeIdMax = 256;

/** What the drivers on a node have told about it. */
export const csiNodeStrategy: Strategy<CSINode> = {
  resource: descriptorOf('storage.k8s.io', 'v1', 'csinodes'),
  answersDeletedObject: true,
  allowUnconditionalUpdate: false,
  defaults(draft) {
    draft.spec ??= { drivers: [] };
    draft.spec.drivers ??= [];
  },
  prepareCreate: dropGeneration,
  validate({ spec }) {
    const errors: FieldError[] = [];
    const names = new Set<string>();
    spec.drivers?.forEach((driver, i) => {
      const at = `spec.drivers[${i}]`;
      validateDriver(errors, driver, at);
      if (names.has(driver.name)) errors.push(duplicate(`${at}.name`, driver.name));
      names.add(driver.name);
    });
    return errors;
  },
  validateUpdate({ spec }, { spec: old }) {
    const errors: FieldError[] = [];
    const before = new Map((old.drivers ?? []).map((driver) => [driver.name, driver]));
    spec.drivers?.forEach((driver, i) => {
      const known = before.get(driver.name);
      if (!known) return;
      // How many volumes fit may turn out to be another number later.
      const same = { ...driver, allocatable: known.allocatable };
      if (semanticEqual(same, known)) return;
      errors.push(invalid(`spec.drivers[${i}]`, driver, 'field is immutable'));
    });
    return errors;
  },
};

function validateDriver(errors: FieldError[], driver: CSINodeDriver, path: string): void {
  const { name = '', nodeID = '', topologyKeys = [], allocatable } = driver;
  validateDriverName(errors, name, `${path}.name`);
  if (nodeID === '') errors.push(required(`${path}.nodeID`));
  if (nodeID.length > nodeIdMax) {
    errors.push(invalid(`${path}.nodeID`, nodeID, `must be ${nodeIdMax} characters or less`));
  }
  topologyKeys.forEach((key, i) => {
    const at = `${path}.topologyKeys`;
    if (key === '') errors.push(required(at));
    else pushInvalid(errors, at, key, qualifiedNameProblems(key));
    if (topologyKeys.indexOf(key) !== i) errors.push(duplicate(at, key));
  });
  validateNonNegative(errors, allocatable?.count, `${path}.allocatable.count`);
}
