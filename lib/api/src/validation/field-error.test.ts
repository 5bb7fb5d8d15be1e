import {
  duplicate,
  fieldErrorText,
  forbidden,
  internalError,
  invalid,
  invalidError,
  notFound,
  notSupported,
  required,
  tooLong,
  tooMany,
  typeInvalid,
} from './field-error.ts';

describe('field errors', () => {
  it.each([
    [required('spec.containers[0].image'), 'spec.containers[0].image: Required value'],
    [required('spec', 'say something'), 'spec: Required value: say something'],
    [invalid('a', 'x', 'no'), 'a: Invalid value: "x": no'],
    [invalid('a', 'say "x"\n\u0001', 'no'), 'a: Invalid value: "say \\"x\\"\\n\\x01": no'],
    [invalid('a', 0, 'no'), 'a: Invalid value: 0: no'],
    [invalid('a', true, 'no'), 'a: Invalid value: true: no'],
    [invalid('a', undefined, 'no'), 'a: Invalid value: null: no'],
    [invalid('a', { app: 'x' }, 'no'), 'a: Invalid value: {"app":"x"}: no'],
    [typeInvalid('a', 3, 'must be a string'), 'a: Invalid value: 3: must be a string'],
    [notSupported('a', 'x', ['A', 'B']), 'a: Unsupported value: "x": supported values: "A", "B"'],
    [duplicate('a', 'x'), 'a: Duplicate value: "x"'],
    [notFound('a', 'x'), 'a: Not found: "x"'],
    [forbidden('a', 'may not'), 'a: Forbidden: may not'],
    [tooLong('a', 63), 'a: Too long: may not be more than 63 bytes'],
    [tooLong('a', 1), 'a: Too long: may not be more than 1 byte'],
    [tooMany('a', 17, 16), 'a: Too many: 17: must have at most 16 items'],
    [internalError('a', 'broken'), 'a: Internal error: broken'],
  ])('%#: %j', (error, text) => {
    expect(fieldErrorText(error)).toBe(text);
  });
});

describe('invalidError', () => {
  it('names kind, object and the one field', () => {
    const error = invalidError('Pod', '', 'x', [required('spec.containers[0].image')]);
    expect(error.message).toBe('Pod "x" is invalid: spec.containers[0].image: Required value');
    expect(error.code).toBe(422);
    expect(error.details).toEqual({
      name: 'x',
      kind: 'Pod',
      causes: [{ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.containers[0].image' }],
    });
  });

  it('lists several in brackets, each text once, and keeps every cause', () => {
    const error = invalidError('Deployment', 'apps', 'x', [required('a'), required('b'), required('a')]);
    expect(error.message).toBe('Deployment.apps "x" is invalid: [a: Required value, b: Required value]');
    expect(error.details?.causes).toHaveLength(3);
    expect(error.details?.group).toBe('apps');
  });
});
