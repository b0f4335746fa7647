{{/* What values.schema.json can't say: values that contradict each other end the rendering with a sentence. */}}
{{- define "onsight.checks" -}}
{{- $partitions := int .Values.topics.partitions -}}
{{- if gt (int .Values.replicas) $partitions -}}
{{- fail (printf "replicas is %d, but topics.partitions is %d: a worker beyond the partitions would have nothing to do. Lower replicas, or say how many partitions the input topic has." (int .Values.replicas) $partitions) -}}
{{- end -}}
{{- if and .Values.keda.enabled (gt (int .Values.keda.maxReplicas) $partitions) -}}
{{- fail (printf "keda.maxReplicas is %d, but topics.partitions is %d: a worker beyond the partitions would have nothing to do. Lower keda.maxReplicas." (int .Values.keda.maxReplicas) $partitions) -}}
{{- end -}}
{{- if and .Values.keda.enabled (gt (int .Values.keda.minReplicas) (int .Values.keda.maxReplicas)) -}}
{{- fail (printf "keda.minReplicas is %d, more than keda.maxReplicas, which is %d." (int .Values.keda.minReplicas) (int .Values.keda.maxReplicas)) -}}
{{- end -}}
{{- $sasl := hasPrefix "SASL" .Values.kafka.securityProtocol -}}
{{- if and $sasl (not .Values.kafka.existingSecret) -}}
{{- fail (printf "kafka.securityProtocol is %s, but kafka.existingSecret is empty: name the secret that holds the user's name and password." .Values.kafka.securityProtocol) -}}
{{- end -}}
{{- if and .Values.kafka.existingSecret (not $sasl) -}}
{{- fail (printf "kafka.existingSecret is %s, but kafka.securityProtocol is %s, which does not log in: choose SASL_SSL, or leave the secret out." .Values.kafka.existingSecret .Values.kafka.securityProtocol) -}}
{{- end -}}
{{- if and .Values.kafka.tls.existingSecret (hasSuffix "PLAINTEXT" .Values.kafka.securityProtocol) -}}
{{- fail (printf "kafka.tls.existingSecret is %s, but kafka.securityProtocol is %s, which has no TLS: choose SSL or SASL_SSL, or leave the secret out." .Values.kafka.tls.existingSecret .Values.kafka.securityProtocol) -}}
{{- end -}}
{{- if ne (empty .Values.kafka.tls.certKey) (empty .Values.kafka.tls.keyKey) -}}
{{- fail "kafka.tls.certKey and kafka.tls.keyKey belong together: give both, or neither." -}}
{{- end -}}
{{- if and .Values.artifact.path (not .Values.artifact.existingClaim) -}}
{{- fail (printf "artifact.path is %s, but artifact.existingClaim is empty: name the claim of the volume that holds the model's folder." .Values.artifact.path) -}}
{{- end -}}
{{- if and .Values.exporter.enabled (not .Values.exporter.signingSecret) -}}
{{- fail "exporter.enabled is true, but exporter.signingSecret is empty: name the secret that holds the private key which signs the models." -}}
{{- end -}}
{{- end -}}
