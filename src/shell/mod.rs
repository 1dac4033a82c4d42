//! The scripts inside RUN, HEALTHCHECK, CMD and ENTRYPOINT: every command with its words,
//! redirects and structure, each with its bytes in the Dockerfile.
