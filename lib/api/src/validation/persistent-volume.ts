/** What claims and volumes have in common. */
import { dnsSubdomainProblems } from '../names.ts';
import { tryParseQuantity } from '../quantity.ts';
import type { PersistentVolumeClaimSpec } from '../types.ts';
import { type FieldError, forbidden, invalid, notSupported, pushInvalid, required } from './field-error.ts';
import { validateLabelSelector } from './label-selector.ts';

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const volumeModes = ['Block', 'Filesystem'];

export function validateAccessModes(errors: FieldError[], modes: readonly string[], path: string): void {
  for (const mode of modes) if (!accessModes.includes(mode)) errors.push(notSupported(path, mode, accessModes));
  if (modes.includes('ReadWriteOncePod') && modes.some((mode) => mode !== 'ReadWriteOncePod')) {
    errors.push(forbidden(path, 'may not use ReadWriteOncePod with other access modes'));
  }
}

export function validateVolumeMode(errors: FieldError[], mode: string | undefined, path: string): void {
  if (mode !== undefined && !volumeModes.includes(mode)) errors.push(notSupported(path, mode, volumeModes));
}

/** Of storage: some, never none. */
export function validatePositiveAmount(errors: FieldError[], text: string, path: string): void {
  if ((tryParseQuantity(text)?.nanos ?? 0n) <= 0n) errors.push(invalid(path, text, 'must be greater than zero'));
}

export function validateNonNegativeAmount(errors: FieldError[], text: string | undefined, path: string): void {
  if (text === undefined) return;
  if ((tryParseQuantity(text)?.nanos ?? -1n) < 0n) {
    errors.push(invalid(path, text, 'must be greater than or equal to 0'));
  }
}

export function validateClassName(errors: FieldError[], name: string | undefined, path: string): void {
  if (name) pushInvalid(errors, path, name, dnsSubdomainProblems(name));
}

export function validateClaimSpec(errors: FieldError[], spec: PersistentVolumeClaimSpec, path: string): void {
  if (!spec.accessModes?.length) errors.push(required(`${path}.accessModes`, 'at least 1 access mode is required'));
  validateLabelSelector(errors, spec.selector, `${path}.selector`);
  validateAccessModes(errors, spec.accessModes ?? [], `${path}.accessModes`);
  const storage = spec.resources?.requests?.storage;
  if (storage === undefined) errors.push(required(`${path}.resources[storage]`));
  else validatePositiveAmount(errors, storage, `${path}.resources[storage]`);
  validateClassName(errors, spec.storageClassName, `${path}.storageClassName`);
  validateVolumeMode(errors, spec.volumeMode, `${path}.volumeMode`);
  validateDataSources(errors, spec, path);
  validateClassName(errors, spec.volumeAttributesClassName, `${path}.volumeAttributesClassName`);
}

function validateDataSources(errors: FieldError[], spec: PersistentVolumeClaimSpec, path: string): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource) validateDataSource(errors, dataSource, `${path}.dataSource`);
  if (dataSourceRef) validateDataSource(errors, dataSourceRef, `${path}.dataSourceRef`);
  if (!dataSource || !dataSourceRef) return;
  if (dataSourceRef.namespace) {
    const detail = 'may not be specified when dataSourceRef.namespace is specified';
    errors.push(invalid(`${path}.dataSource`, dataSource.name, detail));
  } else if (
    dataSource.kind !== dataSourceRef.kind ||
    dataSource.name !== dataSourceRef.name ||
    (dataSource.apiGroup ?? '') !== (dataSourceRef.apiGroup ?? '')
  ) {
    errors.push(invalid(path, dataSource.name, 'must match dataSourceRef'));
  }
}

interface DataSource {
  readonly apiGroup?: string;
  readonly kind?: string;
  readonly name?: string;
}

function validateDataSource(errors: FieldError[], { apiGroup, kind = '', name = '' }: DataSource, path: string): void {
  if (name === '') errors.push(required(`${path}.name`));
  if (kind === '') errors.push(required(`${path}.kind`));
  if (!apiGroup && kind !== 'PersistentVolumeClaim') {
    const detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
    errors.push(invalid(path, kind, detail));
  }
  if (apiGroup) pushInvalid(errors, `${path}.apiGroup`, apiGroup, dnsSubdomainProblems(apiGroup));
}
