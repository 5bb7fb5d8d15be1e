/**
 * ECS names have upper case and underscores, names of objects do not. A name that is a DNS label already names its object; any other one
 * becomes a slug with a hash of the name behind it. ECS' own name stands in the object's spec, and whoever finds an object compares it.
 */
import { createHash } from 'node:crypto';

interface NameForm {
  /** Longest ECS name that stands for itself. */
  readonly plainMax: number;
  readonly plain: RegExp;
  /** Between slug and hash. A dot where the object's name may hold one: no plain name has any. */
  readonly joint: '.' | '-';
  /** Before a slug that would not begin as the form wants. */
  readonly prefix: string;
}

const hashDigits = 10;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

const forms = {
  family: { plainMax: 200, plain: label, joint: '.', prefix: '' },
  /** Also that of the cluster's namespace. */
  cluster: { plainMax: 63, plain: label, joint: '-', prefix: '' },
  service: { plainMax: 63, plain: /^[a-z]([-a-z0-9]*[a-z0-9])?$/, joint: '-', prefix: 's-' },
  capacityProvider: { plainMax: 63, plain: label, joint: '-', prefix: '' },
} as const satisfies Readonly<Record<string, NameForm>>;

export type NamedThing = keyof typeof forms;

/** The object's name; of a family the part before the revision. */
export function objectName(thing: NamedThing, ecsName: string): string {
  const { plainMax, plain, joint, prefix }: NameForm = forms[thing];
  if (ecsName.length <= plainMax && plain.test(ecsName)) return ecsName;
  const hash = createHash('sha256').update(ecsName).digest('hex').slice(0, hashDigits);
  const slug = ecsName
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, plainMax - hashDigits - 1 - prefix.length)
    .replaceAll(/^-+|-+$/g, '');
  const begun = plain.test(slug) ? slug : `${prefix}${slug === '' ? 'x' : slug}`;
  return `${begun}${joint}${hash}`;
}

export function taskDefinitionName(family: string, revision: number): string {
  return `${objectName('family', family)}.${revision}`;
}
