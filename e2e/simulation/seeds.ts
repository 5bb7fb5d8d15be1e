/** How much happens in a seed, unless told otherwise. */
export const stepsDefault = 60;
