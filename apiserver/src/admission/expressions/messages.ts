/**
 * The messages that expressions of MutatingAdmissionPolicies write: `Object{spec: Object.spec{replicas: 3}}` and `JSONPatch{op: "add"}`. Which
 * fields an Object has is for its kind to say, when the mutation is applied; that the names of nested ones are their paths is checked here.
 */
import { type CelType, dyn, objectOf, string } from '@slipway/cel/cel-type';
import type { MessageType } from '@slipway/cel/compile-literals';

export const jsonPatchType = objectOf('JSONPatch', { op: string, path: string, from: string, value: dyn });

export const objectType = objectOf('Object', {});

const jsonPatch: MessageType = { name: 'JSONPatch', field: (name) => jsonPatchType.fields.get(name)?.type };

export function mutationMessages(name: string): MessageType | undefined {
  if (name === 'JSONPatch') return jsonPatch;
  if (name !== 'Object' && !name.startsWith('Object.')) return undefined;
  return { name, field: () => dyn, check: (field, type) => misnamed(`${name}.${field}`, type) };
}

/** Upstream's text for a message that stands where one of another name belongs. */
function misnamed(path: string, type: CelType): string | undefined {
  const inner = type.kind === 'list' ? type.element : type.kind === 'optional' ? type.of : type;
  if (inner.kind !== 'object' || !inner.name.startsWith('Object') || inner.name === path) return undefined;
  return `unexpected type name ${JSON.stringify(inner.name)}, expected ${JSON.stringify(path)}, which matches field name path from root Object type`;
}
