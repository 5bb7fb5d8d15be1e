/** Selectors over a few named fields: `status.phase=Running,spec.nodeName!=a`. `\` escapes `,`, `=` and itself. */
import { SelectorError } from './selector-syntax.ts';

export interface FieldRequirement {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

export class FieldMatcher {
  readonly requirements: readonly FieldRequirement[];

  constructor(requirements: readonly FieldRequirement[]) {
    this.requirements = requirements;
  }

  get isEverything(): boolean {
    return this.requirements.length === 0;
  }

  /** `read` answers the value of a field of the object at hand; a field that is not there is the empty string. */
  matches(read: (field: string) => string): boolean {
    for (const { field, equal, value } of this.requirements) {
      if ((read(field) === value) !== equal) return false;
    }
    return true;
  }

  /** The value that the field must have, when the selector says so. */
  exactValue(field: string): string | undefined {
    return this.requirements.find((requirement) => requirement.equal && requirement.field === field)?.value;
  }

  toString(): string {
    return this.requirements
      .map(({ field, equal, value }) => `${field}${equal ? '=' : '!='}${value.replace(/[\\,=]/g, '\\$&')}`)
      .join(',');
  }
}

/**
 * The `fieldSelector` parameter of a request. `isKnown` says which fields the resource has.
 * Throws SelectorError: `invalid selector: ...`, `field label not supported: x`.
 */
export function parseFieldSelector(text: string, isKnown?: (field: string) => boolean): FieldMatcher {
  const requirements = splitTerms(text).flatMap((term) => {
    if (term === '') return [];
    const requirement = parseTerm(term);
    if (!requirement) throw new SelectorError(`invalid selector: '${text}'; can't understand '${term}'`);
    if (isKnown && !isKnown(requirement.field)) {
      throw new SelectorError(`field label not supported: ${requirement.field}`);
    }
    return [requirement];
  });
  return new FieldMatcher(requirements);
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function parseTerm(term: string): FieldRequirement | undefined {
  for (let i = 0; i < term.length; i++) {
    const operator = ['!=', '==', '='].find((candidate) => term.startsWith(candidate, i));
    if (operator === undefined) continue;
    const value = unescapeValue(term.slice(i + operator.length));
    return value === undefined ? undefined : { field: term.slice(0, i), equal: operator !== '!=', value };
  }
  return undefined;
}

/** Undefined when a special character stands unescaped, or something is escaped that needs none. */
function unescapeValue(text: string): string | undefined {
  let value = '';
  for (let i = 0; i < text.length; i++) {
    const character = text[i] ?? '';
    if (character === ',' || character === '=') return undefined;
    if (character !== '\\') value += character;
    else {
      const escaped = text[++i];
      if (escaped !== '\\' && escaped !== ',' && escaped !== '=') return undefined;
      value += escaped;
    }
  }
  return value;
}
