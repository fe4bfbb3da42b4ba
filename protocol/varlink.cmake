# Varlink: framing, messages, the memory they live in, where the socket is.
target_sources(signet_protocol PRIVATE
  frame_json.cpp frame_splitter.cpp secret_json.cpp socket_path.cpp varlink_message.cpp)

# The IDL is the one source of the interface: embedded, parsed at start, handed out by the agent.
foreach(idl org.signet.Agent org.varlink.service)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${idl}.varlink)
endforeach()
file(READ org.signet.Agent.varlink SIGNET_AGENT_IDL)
file(READ org.varlink.service.varlink SIGNET_SERVICE_IDL)
configure_file(idl_text.cpp.in ${CMAKE_BINARY_DIR}/generated/protocol/idl_text.cpp @ONLY)
target_sources(signet_protocol PRIVATE
  idl_check.cpp idl_parser.cpp ${CMAKE_BINARY_DIR}/generated/protocol/idl_text.cpp)
