import { overload, type Overload, perCharacter } from '@slipway/cel/functions/overload';

/** `jsonpatch.escapeKey("example.com/x")`: a key as a step of a JSON pointer (RFC 6901). */
export const jsonPatchOverloads: readonly Overload[] = [
  overload<[string]>(
    'jsonpatch.escapeKey(string): string',
    ([key]) => key.replaceAll('~', '~0').replaceAll('/', '~1'),
    { of: ([size = 0]) => size * perCharacter },
  ),
];
