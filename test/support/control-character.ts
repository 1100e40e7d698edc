/**
 * What a single line for a person never contains. Not `\p{Cc}` under the flag u: Bun 1.4.5's
 * compiled form of that now and then overlooks a match among many characters beyond U+FFFF.
 */
export const CONTROL_CHARACTER = /[\x00-\x1f\x7f-\x9f]/;
