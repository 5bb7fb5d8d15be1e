/**
 * `$(NAME)` becomes the variable's value, `$$` becomes `$`, and a reference to an unknown variable stays as it is
 * written. One pass: what a value contains is not expanded again.
 */
export function expandVariables(text: string, lookup: (name: string) => string | undefined): string {
  return text.replace(/\$(\$|\(([^)]*)\))/g, (written, rest: string, name: string | undefined) =>
    rest === '$' ? '$' : (lookup(name ?? '') ?? written),
  );
}
