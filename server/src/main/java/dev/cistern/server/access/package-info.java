/**
 * Authentication and authorization of requests before they reach an endpoint, and the token
 * endpoint.
 */
@NullMarked
package dev.cistern.server.access;

import org.jspecify.annotations.NullMarked;
