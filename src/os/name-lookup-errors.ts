/**
 * The meanings of the codes of failed name lookups (DNS): the codes of getaddrinfo(3), and the
 * codes of c-ares, which Bun may use (ares.h).
 */
export const NAME_LOOKUP_WORDS: Readonly<Record<string, string>> = {
  EAI_AGAIN: "the name's resolver did not answer",
  EAI_FAIL: "the name's resolver failed",
  EAI_NODATA: "the name has no address",
  EAI_NONAME: "no such name",
  ENOTFOUND: "no such name",
  ENONAME: "no such name",
  EBADNAME: "the name is malformed",
  EBADSTR: "the name is malformed",
  ETIMEOUT: "the name's resolver did not answer in time",
  ESERVFAIL: "the name's resolver failed",
  EREFUSED: "the name's resolver refused to answer",
  EFORMERR: "the name's resolver could not read the question",
  ENOTIMP: "the name's resolver does not answer such questions",
  EBADRESP: "the name's resolver gave a malformed answer",
  EBADQUERY: "the question to the name's resolver was malformed",
  EBADFAMILY: "the name's resolver does not know this family of addresses",
  EBADFLAGS: "the question to the name's resolver had wrong flags",
  EBADHINTS: "the question to the name's resolver had wrong hints",
  EFILE: "the resolver's configuration cannot be read",
  ENOTINITIALIZED: "the resolver is not initialized",
  EDESTRUCTION: "the resolver was shut down",
  ECANCELLED: "the question to the name's resolver was canceled",
};
