/** Which objects of a kind a list, a watch or a deletecollection is about. */
import { type FieldMatcher, parseFieldSelector } from '@slipway/api/field-selector';
import { type LabelMatcher, parseLabelSelector, SelectorError } from '@slipway/api/selector';
import type { KubeObject } from '@slipway/api/types';
import { badRequest } from './status-errors.ts';
import type { Strategy } from './strategy.ts';

export interface Selection {
  matches(object: KubeObject): boolean;
  /** The one name that objects must have, when the selector says so. */
  readonly exactName: string | undefined;
  readonly exactNamespace: string | undefined;
}

export interface Selectors {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** Undefined = every object. Throws StatusError BadRequest. */
export function parseSelection(strategy: Strategy, selectors: Selectors, charactersMax: number): Selection | undefined {
  const { labelSelector = '', fieldSelector = '' } = selectors;
  if (labelSelector === '' && fieldSelector === '') return undefined;
  if (labelSelector.length + fieldSelector.length > charactersMax) {
    throw badRequest(`a selector may not be longer than ${charactersMax} characters`);
  }
  try {
    const readers = fieldReaders(strategy);
    const labels = parseLabelSelector(labelSelector);
    const fields = parseFieldSelector(fieldSelector, (field) => readers.has(field));
    if (labels.isEverything && fields.isEverything) return undefined;
    return selectionOf(labels, fields, readers);
  } catch (error) {
    if (error instanceof SelectorError) throw badRequest(fieldProblem(error.message, strategy), error);
    throw error;
  }
}

/** As upstream: kinds without fields of their own name those that every kind has. */
function fieldProblem(message: string, { selectableFields }: Strategy): string {
  const field = selectableFields === undefined ? /^field label not supported: (.*)$/.exec(message)?.[1] : undefined;
  if (field === undefined) return message;
  return `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

type Readers = ReadonlyMap<string, (object: KubeObject) => string>;

function selectionOf(labels: LabelMatcher, fields: FieldMatcher, readers: Readers): Selection {
  return {
    exactName: fields.exactValue('metadata.name'),
    exactNamespace: fields.exactValue('metadata.namespace'),
    matches: (object) =>
      labels.matches(object.metadata.labels) &&
      (fields.isEverything || fields.matches((field) => readers.get(field)?.(object) ?? '')),
  };
}

function fieldReaders(strategy: Strategy): Readers {
  return new Map<string, (object: KubeObject) => string>([
    ['metadata.name', (object) => object.metadata.name ?? ''],
    ['metadata.namespace', (object) => object.metadata.namespace ?? ''],
    ...Object.entries(strategy.selectableFields ?? {}),
  ]);
}
