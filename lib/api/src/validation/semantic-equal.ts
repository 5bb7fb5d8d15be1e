/**
 * Whether two parts of objects mean the same: the order of fields does not count, and a field that is not there is the same as an
 * empty list or an empty string.
 */
export function semanticEqual(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (isAbsent(one) || isAbsent(other)) return isAbsent(one) && isAbsent(other);
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one)) {
    if (!Array.isArray(other) || one.length !== other.length) return false;
    return one.every((item, i) => semanticEqual(item, other[i]));
  }
  return !Array.isArray(other) && sameFields(one as Fields, other as Fields);
}

type Fields = Readonly<Record<string, unknown>>;

function sameFields(one: Fields, other: Fields): boolean {
  for (const field of Object.keys(one)) if (!semanticEqual(one[field], other[field])) return false;
  for (const field of Object.keys(other)) if (!(field in one) && !isAbsent(other[field])) return false;
  return true;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
}
